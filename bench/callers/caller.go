package main

import (
	"sync"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

// caller is one participant: a microphone, and an ear that keeps what it gets.
type caller struct {
	name       string
	tell       func(news)
	microphone *microphone
	ear        ear
	mutex      sync.Mutex
	room       *lksdk.Room
}

func newCaller(name string, tell func(news)) *caller {
	c := &caller{name: name, tell: tell}
	c.microphone = newMicrophone(func(timesS []float64) {
		tell(news{What: "said", Caller: name, TimesS: timesS})
	})
	return c
}

func (c *caller) join(url, token string) {
	heard := &lksdk.RoomCallback{ParticipantCallback: lksdk.ParticipantCallback{
		OnTrackSubscribed: func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
			c.tell(news{What: "track", Caller: c.name})
			c.ear.listen(track)
		},
	}}
	room, err := lksdk.ConnectToRoomWithToken(url, token, heard, lksdk.WithDisableRegionDiscovery())
	if err != nil {
		c.fail(err)
		return
	}
	c.mutex.Lock()
	c.room = room
	c.mutex.Unlock()
	c.tell(news{What: "joined", Caller: c.name})
	track, err := lksdk.NewLocalSampleTrack(webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: opusRateHz, Channels: 2,
	})
	if err != nil {
		c.fail(err)
		return
	}
	options := &lksdk.TrackPublicationOptions{
		Name: "microphone", Source: livekit.TrackSource_MICROPHONE, DisableDTX: true,
	}
	if _, err := room.LocalParticipant.PublishTrack(track, options); err != nil {
		c.fail(err)
		return
	}
	c.microphone.run(track)
}

func (c *caller) say(path string) {
	packets, err := readPackets(path)
	if err != nil {
		c.fail(err)
		return
	}
	c.microphone.say(packets)
}

func (c *caller) dump(path string) {
	if err := c.ear.dump(path); err != nil {
		c.fail(err)
		return
	}
	c.tell(news{What: "dumped", Caller: c.name})
}

func (c *caller) leave() {
	c.microphone.stop()
	c.mutex.Lock()
	room := c.room
	c.mutex.Unlock()
	if room != nil {
		room.Disconnect()
	}
	c.tell(news{What: "left", Caller: c.name})
}

func (c *caller) fail(err error) {
	c.tell(news{What: "failed", Caller: c.name, Why: err.Error()})
}
