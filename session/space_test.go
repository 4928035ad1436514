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

// TestS07PlaceIsThere: on FAT a file has its place on the disk up to its end as soon as something is written there. A download that
// was stopped goes on in it, although less is free than is missing.
func TestS07PlaceIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.disk.SetFAT(0)
		size := int64(len(w.data))
		n.disk.SetFree(size + 64<<10)
		a := Add{Peers: []string{seed.addr()}, Limits: TorrentLimits{Down: 200 << 10}}
		n.start(a)
		time.Sleep(2 * time.Second)
		missing := size - n.status().Have
		n.stop()
		if free, err := n.disk.Free(); err != nil || missing == size || free > missing/2 {
			t.Fatalf("%d are missing, %d are free: %v", missing, free, err)
		}
		n.start(a)
		n.wait(time.Minute)
	})
}

// TestS07GoesOnInItsPlace: a download that waits for space goes on when there is enough for the
// rest of its file, which is less than what is missing.
func TestS07GoesOnInItsPlace(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.disk.SetFAT(0)
		size := int64(len(w.data))
		n.start(Add{Peers: []string{seed.addr()}, Limits: TorrentLimits{Down: 400 << 10}, WaitForSpace: true})
		n.disk.SetFree(size - 128<<10)
		for n.status().Phase != status.Failed {
			time.Sleep(100 * time.Millisecond)
		}
		st, err := n.disk.Lstat("file.bin")
		rest, missing := size-st.Taken, size-n.status().Have
		if err != nil || rest+spaceSpare >= missing {
			t.Fatalf("%d are missing, %d have no place: %v", missing, rest, err)
		}
		n.disk.SetFree(rest + spaceSpare)
		n.wait(5 * time.Minute)
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
