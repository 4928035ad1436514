package main

import (
	"context"
	"fmt"
	"time"

	"shoal/session"
	"shoal/status"
)

// reachEvent is the JSON line about whether others can connect to us.
type reachEvent struct {
	event
	Mapped   bool   `json:"mapped"`
	Method   string `json:"method,omitempty"`
	External string `json:"external,omitempty"`
	Incoming bool   `json:"incoming"`
}

// tellReach says whether others can connect to us as soon as that is known, each thing once, until ctx ends.
func (e *engine) tellReach(ctx context.Context, con *console) {
	told := map[string]bool{"": true}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r := e.Reach()
		if words := reachWords(r); !told[words] {
			told[words] = true
			con.Note("%s", words)
			ev := reachEvent{event: newEvent("reach"), Mapped: r.Mapped, Method: r.Method, Incoming: r.Incoming}
			if r.Mapped {
				ev.External = r.External.String()
			}
			con.Event(ev)
		}
	}
}

// reachWords puts what is known into a sentence, "" when nothing is.
func reachWords(r status.Reach) string {
	switch at := r.External.Addr(); {
	case r.Incoming:
		return "reachable from outside: a peer has connected from there"
	case !r.Mapped:
		return ""
	case !at.IsValid():
		return fmt.Sprintf("the router lets connections to its port %d through to us (%s)", r.External.Port(), r.Method)
	case !session.Public(at):
		return fmt.Sprintf("the router lets connections through to us (%s), but its own address %v is not public: peers outside can hardly connect", r.Method, at)
	}
	return fmt.Sprintf("peers outside can connect to %v: the router lets them through to us (%s)", r.External, r.Method)
}
