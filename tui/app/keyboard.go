package app

import (
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf8"
)

// What a terminal puts around text that is pasted.
const (
	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

const (
	// keepPaste is how much of a paste goes to Bubble Tea as it comes, in bytes.
	keepPaste = 4 << 10
	// maxHeld is how much of it is kept: with what went on it is no more than maxPaste.
	maxHeld = maxPaste - 2*keepPaste
	// maxRun is how many bytes without a blank, an end of line or a control character go on as one.
	maxRun = 4 << 10
)

// keyboard is what keys are read from. Bubble Tea puts a paste, and likewise a run of characters, together from 256 bytes at a time and copies all
// of it each time: some MiB would keep it for minutes. So it gets the beginning of a long paste and its end; what is between is held
// here, at most maxHeld of it, until the model asks for it. Bytes are only taken out and never put in or off, so that keys and pastes stay in order
// and nothing waits here that the terminal has sent already.
type keyboard struct {
	in io.Reader

	mu   sync.Mutex
	held []pasted // what was held back of each paste that has ended, in their order

	// What follows belongs to the goroutine that reads.
	inside, holding bool
	seen            int // bytes of the marker that is looked for: of the end inside of a paste, else of the beginning
	passed          int // bytes of this paste that went on
	text            []byte
	lost            lineCount
	run             int
}

// lineCount counts lines of text that comes in pieces: those that ended and one that did not.
type lineCount struct {
	ended int
	open  bool
	last  byte
}

func (l *lineCount) add(b byte) {
	switch {
	case b == '\n' && l.last == '\r': // both together are one end
	case b == '\n' || b == '\r':
		l.ended++
		l.open = false
	default:
		l.open = true
	}
	l.last = b
}

func (l *lineCount) count() int {
	if l.open {
		return l.ended + 1
	}
	return l.ended
}

// keyboardOf returns what is to be read instead of in. A file stays one: Bubble Tea asks it what it is, and how to wait for it.
func keyboardOf(in io.Reader) (*keyboard, io.Reader) {
	k := &keyboard{in: in}
	if f, ok := in.(*os.File); ok {
		return k, &keyboardFile{f, k}
	}
	return k, k
}

// keyboardFile is the keyboard of a terminal.
type keyboardFile struct {
	*os.File
	keyboard *keyboard
}

func (f *keyboardFile) Read(p []byte) (int, error) { return f.keyboard.Read(p) }

// Read reads once, and may return nothing without an error: what came was of a paste that is held back.
func (k *keyboard) Read(p []byte) (int, error) {
	if len(p) <= 2*len(pasteEnd) {
		return k.in.Read(p) // nobody reads so little
	}
	at := 0
	switch {
	case k.holding: // room for a marker that has begun before
		at = len(pasteEnd) - 1
	case !k.inside && k.run > maxRun: // a read that does not fill the buffer ends the run
		p = p[:len(p)-1]
	}
	n, err := k.in.Read(p[at:])
	return k.sift(p, at, at+n), err
}

// sift takes what is held back out of p[from:to], moves the rest to the front and returns how much that is.
func (k *keyboard) sift(p []byte, from, to int) (n int) {
	for _, b := range p[from:to] {
		if k.run++; b <= ' ' || b == 0x7f {
			k.run = 0
		}
		marker := pasteBegin
		if k.inside {
			marker = pasteEnd
			if !k.holding && k.passed >= keepPaste && utf8.RuneStart(b) && (k.seen == 0 || b != marker[k.seen]) {
				k.holding, k.seen = true, 0 // what was seen of a marker went on as the text that it was
			}
			k.passed++
		}
		before := k.seen
		switch b {
		case marker[before]:
			k.seen++
		case marker[0]:
			k.seen = 1
		default:
			k.seen = 0
		}
		if k.holding {
			if k.seen <= before { // what was seen before is text after all
				k.hold(marker[:before])
			}
			if k.seen == 0 {
				k.hold(string([]byte{b}))
			}
		} else {
			p[n] = b
			n++
		}
		if k.seen == len(marker) {
			if k.holding {
				n += copy(p[n:], marker)
			}
			if k.inside {
				k.let()
			}
			k.inside, k.holding, k.seen, k.passed = !k.inside, false, 0, 0
		}
	}
	return n
}

// hold keeps a part of a paste; beyond maxHeld its lines are counted.
func (k *keyboard) hold(s string) {
	if len(k.text)+len(s) <= maxHeld && k.lost == (lineCount{}) {
		k.text = append(k.text, s...)
		return
	}
	for i := range len(s) {
		k.lost.add(s[i])
	}
}

// let gives away what was held back of the paste that ends, also if that is nothing.
func (k *keyboard) let() {
	p := pasted{strings.ToValidUTF8(string(k.text), ""), k.lost.count()}
	k.text, k.lost = nil, lineCount{}
	k.mu.Lock()
	k.held = append(k.held, p)
	k.mu.Unlock()
}

// take returns what was held back of the next paste that the model is told of.
func (k *keyboard) take() (p pasted) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.held) > 0 {
		p, k.held = k.held[0], k.held[1:]
	}
	return p
}
