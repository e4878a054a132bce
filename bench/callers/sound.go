package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"golang.org/x/sys/unix"
)

const (
	opusRateHz = 48_000
	frame      = 20 * time.Millisecond
)

// Opus for 20 ms of silence.
var silence = []byte{0xf8, 0xff, 0xfe}

// nowS reads the clock that Python calls monotonic.
func nowS() float64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err)
	}
	return float64(now.Nano()) / 1e9
}

// microphone sends a frame every 20 ms, of what is to be said or of silence.
type microphone struct {
	said    func(timesS []float64)
	mutex   sync.Mutex
	waiting [][]byte
	timesS  []float64
	quit    chan struct{}
	once    sync.Once
}

func newMicrophone(said func([]float64)) *microphone {
	return &microphone{said: said, quit: make(chan struct{})}
}

func (m *microphone) say(packets [][]byte) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.waiting = packets
	m.timesS = make([]float64, 0, len(packets))
}

func (m *microphone) stop() { m.once.Do(func() { close(m.quit) }) }

func (m *microphone) run(track *lksdk.LocalTrack) {
	next := time.Now()
	for {
		// By the clock, not by naps: what one frame is late the next one is not.
		next = next.Add(frame)
		select {
		case <-m.quit:
			return
		case <-time.After(time.Until(next)):
		}
		sample := media.Sample{Data: m.take(), Duration: frame}
		if err := track.WriteSample(sample, nil); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			return
		}
	}
}

func (m *microphone) take() []byte {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if len(m.waiting) == 0 {
		return silence
	}
	packet := m.waiting[0]
	m.waiting = m.waiting[1:]
	m.timesS = append(m.timesS, nowS())
	if len(m.waiting) == 0 {
		go m.said(m.timesS)
	}
	return packet
}

// ear keeps packets with the times they came.
type ear struct {
	mutex   sync.Mutex
	packets []packet
}

type packet struct {
	atS       float64
	timestamp uint32
	payload   []byte
}

func (e *ear) listen(track *webrtc.TrackRemote) {
	for {
		received, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		if len(received.Payload) == 0 {
			continue // padding
		}
		kept := packet{nowS(), received.Timestamp, append([]byte(nil), received.Payload...)}
		e.mutex.Lock()
		e.packets = append(e.packets, kept)
		e.mutex.Unlock()
	}
}

// dump writes each packet as time (float64), timestamp (uint32), length (uint16) and payload, all of
// them little-endian.
func (e *ear) dump(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, kept := range e.packets {
		for _, value := range []any{kept.atS, kept.timestamp, uint16(len(kept.payload)), kept.payload} {
			if err := binary.Write(out, binary.LittleEndian, value); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// readPackets reads what is to be said: each packet as length (uint16, little-endian) and payload.
func readPackets(path string) ([][]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var packets [][]byte
	for len(content) > 0 {
		if len(content) < 2 || len(content)-2 < int(binary.LittleEndian.Uint16(content)) {
			return nil, io.ErrUnexpectedEOF
		}
		end := 2 + int(binary.LittleEndian.Uint16(content))
		packets = append(packets, content[2:end])
		content = content[end:]
	}
	return packets, nil
}
