/** How do the tracks of others become sound? */

import type { RemoteTrack } from "livekit-client";

/** A hidden player for each track. */
export class Players {
  // Kept here, since LiveKit forgets a track's element before it says that the track is gone.
  readonly #players = new Map<RemoteTrack, HTMLMediaElement>();

  get tracks(): readonly RemoteTrack[] {
    return [...this.#players.keys()];
  }

  play(track: RemoteTrack): void {
    const player = track.attach();
    player.hidden = true;
    document.body.append(player);
    this.#players.set(track, player);
  }

  stop(track: RemoteTrack): void {
    track.detach();
    this.#players.get(track)?.remove();
    this.#players.delete(track);
  }
}
