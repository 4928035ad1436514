package main

import (
	"bufio"
	"io"
	"log"
	"os"
	"strings"
	"sync"

	"shoal/internal/text"
)

// maxNotes is how many lines wait for the screen; what comes while it is full is lost.
const maxNotes = 64

// aside is where standard error goes while the screen is drawn: to the screen's own log. Libraries write to os.Stderr and through
// package log, and the console to its writer; none of that may tear the frame.
type aside struct {
	notes chan string
	con   *console
	old   *os.File
	oldW  io.Writer
	pipe  *os.File // what os.Stderr is meanwhile
	read  chan struct{}
	gate  *gate
}

// gate is a writer whose target can be changed while others write.
type gate struct {
	mu sync.Mutex
	w  io.Writer
}

func (g *gate) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.w.Write(b)
}

func (g *gate) turn(w io.Writer) {
	g.mu.Lock()
	g.w = w
	g.mu.Unlock()
}

// stepAside begins that. Without a pipe, which means that there are no handles left, standard error stays what it is.
func stepAside(con *console) *aside {
	a := &aside{notes: make(chan string, maxNotes), con: con, old: os.Stderr, oldW: con.stderr, read: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		close(a.read)
		return a
	}
	a.pipe, a.gate = w, &gate{w: w}
	os.Stderr, con.stderr = w, a.gate
	log.SetOutput(a.gate)
	go a.collect(r)
	return a
}

// collect makes lines of what comes.
func (a *aside) collect(r *os.File) {
	defer close(a.read)
	defer r.Close()
	lines := bufio.NewReaderSize(r, 4<<10)
	for {
		line, err := lines.ReadSlice('\n') // of one that is longer each part counts
		if s := strings.TrimSpace(string(line)); s != "" {
			select {
			case a.notes <- text.Clean(text.Mask(strings.TrimPrefix(s, "shoal: ")), 0):
			default:
			}
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

// back gives standard error back.
func (a *aside) back() {
	if a.pipe == nil {
		return
	}
	a.gate.turn(a.oldW)
	os.Stderr = a.old
	log.SetOutput(a.old)
	_ = a.pipe.Close()
	<-a.read
}
