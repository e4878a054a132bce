// Command callers is the callers of the benchmark, all of them in one process that costs next to
// nothing: what they say was encoded before, and what they hear is kept as it came, to be decoded
// when the measurement is over.
//
// It takes orders on its standard input, one JSON object a line, and answers on its standard output;
// it ends with its input.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"
	"sync"

	protolog "github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
)

// order is what a caller is to do: join (URL, Token), say (Sound), dump (Into) or leave.
type order struct {
	Do     string `json:"do"`
	Caller string `json:"caller"`
	URL    string `json:"url"`
	Token  string `json:"token"`
	Sound  string `json:"sound"`
	Into   string `json:"into"`
}

// news is what has happened to a caller: joined, track, said, dumped, left or failed. Times are of the
// system's monotonic clock, in seconds, as every process of this machine reads it.
type news struct {
	What   string    `json:"what"`
	Caller string    `json:"caller"`
	AtS    float64   `json:"at_s"`
	TimesS []float64 `json:"times_s,omitempty"`
	Why    string    `json:"why,omitempty"`
}

// desk hands orders to callers, and tells what comes of them.
type desk struct {
	mutex   sync.Mutex
	out     *json.Encoder
	callers map[string]*caller
}

func main() {
	lksdk.SetLogger(protolog.GetDiscardLogger())
	d := &desk{out: json.NewEncoder(os.Stdout), callers: map[string]*caller{}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var wanted order
		if err := json.Unmarshal(lines.Bytes(), &wanted); err != nil {
			log.Fatalf("not an order: %v", err)
		}
		d.take(wanted)
	}
}

// take carries an order out; whatever takes time does so beside the next ones.
func (d *desk) take(wanted order) {
	if wanted.Do == "join" {
		c := newCaller(wanted.Caller, d.tell)
		d.callers[wanted.Caller] = c
		go c.join(wanted.URL, wanted.Token)
		return
	}
	c, known := d.callers[wanted.Caller]
	if !known {
		d.tell(news{What: "failed", Caller: wanted.Caller, Why: "has not been told to join"})
		return
	}
	switch wanted.Do {
	case "say":
		c.say(wanted.Sound)
	case "dump":
		c.dump(wanted.Into)
	case "leave":
		delete(d.callers, wanted.Caller)
		go c.leave()
	default:
		d.tell(news{What: "failed", Caller: wanted.Caller, Why: "cannot " + wanted.Do})
	}
}

func (d *desk) tell(happened news) {
	if happened.AtS == 0 {
		happened.AtS = nowS()
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if err := d.out.Encode(happened); err != nil {
		log.Fatal(err) // nobody listens any more
	}
}
