package session

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"shoal/status"
)

// TestS01GoesOn: with WaitForSpace a full disk stops the torrent with the cause in words, Wait
// waits, and it goes on by itself when there is room.
func TestS01GoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}, WaitForSpace: true})
		n.disk.SetFree(1 << 20)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
		err := n.s.Wait(ctx, w.tor.ID)
		cancel()
		if err != context.DeadlineExceeded {
			t.Fatalf("Wait returned %v", err)
		}
		st := n.status()
		t.Logf("%v: %s", st.Phase, st.Err)
		if st.Phase != status.Failed || !strings.Contains(st.Err, "file.bin") || !strings.Contains(st.Err, "space") {
			t.Errorf("phase %v, %q", st.Phase, st.Err)
		}
		n.disk.SetFree(1 << 40)
		took := n.wait(time.Hour)
		t.Logf("went on and was complete %v after there was room", took)
		if took > 2*time.Minute {
			t.Errorf("%v after there was room", took)
		}
		if got := get(t, n.disk, "file.bin"); !bytes.Equal(got, w.data) {
			t.Error("file differs")
		}
	})
}

// TestPausedWhileFull: a torrent that the user paused while it waited for space stays where it is.
func TestPausedWhileFull(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}, WaitForSpace: true})
		n.disk.SetFree(1 << 20)
		time.Sleep(time.Minute)
		if err := n.s.Pause(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		before := n.status().Have
		n.disk.SetFree(1 << 40)
		time.Sleep(10 * time.Minute)
		if got := n.status().Have; got != before {
			t.Errorf("it went on from %d to %d bytes although it was paused", before, got)
		}
		if err := n.s.Resume(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		n.wait(time.Minute)
	})
}
