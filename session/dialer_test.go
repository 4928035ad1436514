package session

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestDialTellsOfTypedPeers: why a peer that the user named is not reached is a warning, once for
// each cause; others fail every day and are told of to who debugs.
func TestDialTellsOfTypedPeers(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		other := w.node(quick)
		data := w.tor
		foreign := *w.tor
		foreign.ID.V1[0]++
		w.tor = &foreign // the same content under another hash: the other one hangs up
		other.seed()
		w.tor = data

		n := w.node(quick)
		var log bytes.Buffer // the handler writes one line at a time
		n.cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		const refused = "10.0.0.2:1" // the seed listens elsewhere
		n.start(Add{Peers: []string{refused, other.addr()}})
		time.Sleep(time.Hour)
		n.stop()
		for addr, words := range map[string]string{refused: "refused", other.addr(): "hung up"} {
			warned := 0
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "cannot connect to peer") && strings.Contains(line, "addr="+addr) && strings.Contains(line, "level=WARN") {
					warned++
					if !strings.Contains(line, words) {
						t.Errorf("%q does not say %q", line, words)
					}
				}
			}
			if warned != 1 {
				t.Errorf("%s: warned %d times\n%s", addr, warned, log.String())
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		w.tracker(time.Minute) // before any session reads the torrent
		gone := w.node(quick)
		gone.start(Add{}) // announces itself and vanishes
		time.Sleep(time.Second)
		gone.host.Down()
		n := w.node(quick)
		var log bytes.Buffer
		n.cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		n.start(Add{})
		time.Sleep(time.Minute)
		n.stop()
		got := log.String()
		if !strings.Contains(got, "level=DEBUG msg=\"cannot connect to peer\"") || strings.Contains(got, "level=WARN msg=\"cannot connect to peer\"") {
			t.Errorf("log of a peer that nobody named:\n%s", got)
		}
	})
}
