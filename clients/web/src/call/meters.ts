/** How loud is a track, and what tone is in it? */

export const FLOOR_DBFS = -100;

// 5.9 Hz a bin at 48 kHz; fine enough to tell test tones apart, short enough (171 ms) to follow.
const FFT_SIZE = 8192;
// Loudness as the ear follows it: 43 ms at 48 kHz.
const LEVEL_SAMPLES = 2048;
// Below this there is noise, not a tone.
const TONE_DBFS = -60;

/** Listens to one track at a time; hears silence when it has none. */
export class Meter {
  readonly #context: AudioContext;
  readonly #analyser: AnalyserNode;
  readonly #samples = new Float32Array(FFT_SIZE);
  readonly #bins = new Float32Array(FFT_SIZE / 2);
  #source: MediaStreamAudioSourceNode | undefined;

  constructor(context: AudioContext) {
    this.#context = context;
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = FFT_SIZE;
    this.#analyser.smoothingTimeConstant = 0;
  }

  listenTo(track: MediaStreamTrack | undefined): void {
    this.#source?.disconnect();
    this.#source = undefined;
    if (track === undefined) return;
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
  }

  levelDbfs(): number {
    if (this.#source === undefined) return FLOOR_DBFS;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return levelDbfs(this.#samples.subarray(-LEVEL_SAMPLES));
  }

  /** The strongest tone, or 0 in silence. */
  dominantFrequencyHz(): number {
    if (this.levelDbfs() < TONE_DBFS) return 0;
    this.#analyser.getFloatFrequencyData(this.#bins);
    return peakBin(this.#bins) * (this.#context.sampleRate / FFT_SIZE);
  }
}

/** Root mean square, where a full-scale square wave is 0. */
export function levelDbfs(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  return Math.max(FLOOR_DBFS, 20 * Math.log10(rms));
}

/** Where the spectrum (in dB) is highest, between bins by the parabola through three of them. */
export function peakBin(bins: Float32Array): number {
  let peak = 1;
  for (let bin = 2; bin < bins.length - 1; bin++) {
    if (at(bins, bin) > at(bins, peak)) peak = bin;
  }
  const [left, top, right] = [at(bins, peak - 1), at(bins, peak), at(bins, peak + 1)];
  const curvature = left - 2 * top + right;
  const shift = (left - right) / (2 * curvature);
  return Number.isFinite(shift) ? peak + shift : peak;
}

/** From silence 0 to full scale 1, over the range in which speech lives. */
export function fraction(dbfs: number): number {
  const QUIET_DBFS = -60;
  const LOUD_DBFS = -6;
  return Math.min(1, Math.max(0, (dbfs - QUIET_DBFS) / (LOUD_DBFS - QUIET_DBFS)));
}

function at(bins: Float32Array, index: number): number {
  return bins[index] ?? Number.NEGATIVE_INFINITY;
}
