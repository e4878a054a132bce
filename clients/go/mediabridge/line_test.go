package mediabridge_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// line is a way to a server that can be cut: connections break, new ones are let through.
type line struct {
	listener net.Listener
	target   string

	mutex  sync.Mutex
	open   map[net.Conn]bool
	broken int
}

func newLine(t *testing.T, target string) *line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	line := &line{listener: listener, target: target, open: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { line.carry(near) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		line.cut()
		running.Wait()
	})
	return line
}

func (l *line) address() string { return l.listener.Addr().String() }

// cut breaks all connections there are.
func (l *line) cut() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for connection := range l.open {
		l.broken++
		_ = connection.Close()
	}
	clear(l.open)
}

// cuts returns how many connections were broken.
func (l *line) cuts() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.broken
}

func (l *line) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	defer far.Close()
	l.mutex.Lock()
	l.open[near] = true
	l.mutex.Unlock()
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	}()
	_, _ = io.Copy(near, far)
}
