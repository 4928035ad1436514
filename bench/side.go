//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"shoal/bench/clients"
	"shoal/bench/partner"
)

// side is a partner at work.
type side struct {
	*clients.Process
	remove func()
	told   chan partner.Told
	rest   []byte // of what it printed, a line that is not whole
}

// partner starts a partner. Its folder goes with stop.
func (w *world) partner(spec partner.Spec) (*side, error) {
	cmd, err := clients.Partner(w.programs.Self, spec)
	if err != nil {
		return nil, err
	}
	dir, remove, err := w.folder("")
	if err != nil {
		return nil, err
	}
	s := &side{told: make(chan partner.Told, 8), remove: remove}
	cmd.Stdout = s
	if s.Process, err = clients.Start(cmd, dir); err != nil {
		remove()
		return nil, err
	}
	return s, nil
}

func (s *side) stop() {
	s.Stop()
	s.remove()
}

// Write takes what the partner prints; the one goroutine that reads its output calls it.
func (s *side) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for {
		line, rest, ok := bytes.Cut(s.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		var t partner.Told
		if err := json.Unmarshal(line, &t); err != nil {
			return 0, err
		}
		s.rest = rest
		s.told <- t // a partner says less than the channel holds
	}
}

// expect waits for an event, and passes over others.
func (s *side) expect(ctx context.Context, event string) (partner.Told, error) {
	over, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		s.Wait(over)
		cancel()
	}()
	for {
		var t partner.Told
		select {
		case t = <-s.told:
		case <-over.Done():
			select {
			case t = <-s.told: // its last words
			default:
				if ctx.Err() != nil {
					return t, context.Cause(ctx)
				}
				return t, errors.Join(fmt.Errorf("the partner ended before it was %s", event), s.Failure())
			}
		}
		if t.Event == event {
			return t, nil
		}
	}
}
