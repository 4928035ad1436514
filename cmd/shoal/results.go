package main

import (
	"fmt"
	"io"
	"sync"
)

// results is standard output. A write never fails for whoever writes: the first error is kept, what comes
// after it is dropped, and run tells it in the end. So no command can take a lost result for a success.
// Its methods may be called from any goroutine.
type results struct {
	w   io.Writer
	mu  sync.Mutex
	err error
}

func (r *results) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		_, r.err = r.w.Write(b)
	}
	return len(b), nil
}

// lost returns why something is missing from standard output, nil when nothing is.
func (r *results) lost() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		return nil
	}
	return fmt.Errorf("standard output: %w; what was to be written there is incomplete", plainCause(r.err))
}
