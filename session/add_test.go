package session

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/session/budget"
	"shoal/status"
)

// quick is a link that is not in the way.
var quick = simnet.Link{Up: 10 << 20, Down: 10 << 20, Latency: time.Millisecond}

// bubble runs f in a bubble with a simulated torrent of 2 MiB and a seed of it.
func bubble(t *testing.T, f func(t *testing.T, w *sim, seed *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		f(t, w, w.node(quick).seed())
	})
}

// TestFileWithoutRecord: what is there without a record of ours is hashed. What
// matches is used; a file in which nothing matches is not touched.
func TestFileWithoutRecord(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		half := bytes.Clone(w.data)
		clear(half[len(half)/2:])
		n := w.node(quick)
		put(t, n.disk, "file.bin", half)
		n.start(Add{Peers: []string{seed.addr()}})
		n.wait(time.Minute)
		if got := n.status().DownTotal; got != int64(len(half)/2) {
			t.Errorf("%d bytes fetched, half of %d were there", got, len(half))
		}
	})
	foreign := bytes.Repeat([]byte("diary "), 10_000)
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		put(t, n.disk, "file.bin", foreign)
		n.start(Add{Peers: []string{seed.addr()}})
		if err := n.fails(time.Minute); !errors.Is(err, ErrExists) {
			t.Errorf("error %v, want ErrExists", err)
		}
		if got := get(t, n.disk, "file.bin"); !bytes.Equal(got, foreign) {
			t.Error("the file was touched")
		}
		if st := n.status(); st.Phase != status.Failed || st.Err == "" {
			t.Errorf("status %v %q", st.Phase, st.Err)
		}
		n.stop()
		n.start(Add{Peers: []string{seed.addr()}, Overwrite: true})
		n.wait(time.Minute)
	})
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		put(t, n.disk, "file.bin", append(bytes.Clone(w.data), foreign...))
		n.start(Add{Peers: []string{seed.addr()}})
		if err := n.fails(time.Minute); !errors.Is(err, ErrExists) {
			t.Errorf("longer file: error %v, want ErrExists", err)
		} else if want := fmt.Sprintf(" is %d bytes longer than the torrent says; --overwrite cuts it", len(foreign)); !strings.HasSuffix(err.Error(), want) {
			t.Errorf("longer file: error %q, want it to end in %q", err, want)
		}
		if got := get(t, n.disk, "file.bin"); len(got) != len(w.data)+len(foreign) {
			t.Errorf("the file was cut to %d bytes", len(got))
		}
		n.stop()
		n.start(Add{Peers: []string{seed.addr()}, Overwrite: true})
		n.wait(time.Minute)
	})
}

// TestResumeAfterStop: after an orderly end nothing is hashed or fetched twice.
func TestResumeAfterStop(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(simnet.Link{Up: 1 << 20, Down: 256 << 10})
		n.start(Add{Peers: []string{seed.addr()}})
		time.Sleep(4 * time.Second)
		n.stop()
		n.cfg.BootID = "next" // what was synced survives a new start of the machine
		n.start(Add{Peers: []string{seed.addr()}})
		tor := n.s.reg.find(w.tor.ID.Wire())
		if got := tor.opened.Trust.Count(); got < 5 || tor.opened.Check.Count() != 0 {
			t.Errorf("%d pieces trusted, %d to be hashed", got, tor.opened.Check.Count())
		}
		first := n.status().DownTotal
		n.wait(time.Minute)
		// Open pieces are dropped at the end, at most what was asked for.
		if twice := n.status().DownTotal - int64(len(w.data)); first == 0 || twice > 1<<20 {
			t.Errorf("%d bytes in the first run, %d fetched twice", first, twice)
		}
		n.stop()
		n.start(Add{})
		n.wait(time.Second)
		if st := n.status(); st.Phase != status.Seeding || st.Finished.IsZero() || st.DownTotal < int64(len(w.data)) {
			t.Errorf("after the third start: %+v", st)
		}
	})
}

func TestLockAndDuplicate(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.start(Add{})
		if _, err := n.s.Add(t.Context(), Add{Torrent: w.tor, Folder: n.disk}); !errors.Is(err, ErrLocked) && !errors.Is(err, ErrDuplicate) {
			t.Errorf("same torrent twice: %v", err)
		}
		other := w.node(quick)
		other.state, other.disk = n.state, n.disk
		if err := other.try(Add{}); !errors.Is(err, ErrLocked) {
			t.Errorf("same torrent and folder in a second process: %v", err)
		}
		n.stop()
		if err := other.s.Remove(t.Context(), w.tor.ID); !errors.Is(err, ErrUnknown) {
			t.Errorf("remove of what was not added: %v", err)
		}
		other.stop()
		other.start(Add{}) // the lock is free again
	})
}

func TestSpace(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.disk.SetFree(1 << 20)
		if err := n.try(Add{}); !errors.Is(err, ErrNoSpace) {
			t.Errorf("error %v, want ErrNoSpace", err)
		}
		if _, err := n.disk.Lstat("file.bin"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a file was made: %v", err)
		}
	})
}

func TestSeedIncomplete(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		if err := n.try(Add{Seed: true}); !errors.Is(err, ErrIncomplete) {
			t.Errorf("missing file: %v", err)
		}
		n.stop()
		bad := bytes.Clone(w.data)
		bad[100_000]++
		put(t, n.disk, "file.bin", bad)
		n.start(Add{Seed: true})
		if err := n.fails(time.Minute); !errors.Is(err, ErrIncomplete) {
			t.Errorf("damaged file: %v", err)
		}
	})
}

func TestRemove(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}})
		n.wait(time.Minute)
		if err := n.s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := n.s.Remove(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		if ts, _ := n.s.Torrents(t.Context()); len(ts) != 0 {
			t.Errorf("still listed: %v", ts)
		}
		left, err := n.state.ReadDir(".")
		if err != nil || len(left) != 0 {
			t.Errorf("left in the state folder: %v %v", left, err)
		}
		if got := get(t, n.disk, "file.bin"); !bytes.Equal(got, w.data) {
			t.Error("the file must stay")
		}
		if _, err := n.s.Add(t.Context(), Add{Torrent: w.tor, Folder: n.disk}); err != nil {
			t.Fatal(err)
		}
		n.wait(time.Minute) // hashed, complete
	})
}

func TestPauseResume(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(simnet.Link{Up: 1 << 20, Down: 256 << 10})
		n.start(Add{Peers: []string{seed.addr()}})
		time.Sleep(2 * time.Second)
		if err := n.s.Pause(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		st := n.status()
		if st.Phase != status.Paused || st.Peers != 0 {
			t.Errorf("paused: %+v", st)
		}
		time.Sleep(time.Minute)
		if got := n.status().DownTotal; got != st.DownTotal {
			t.Errorf("%d bytes came while it was paused", got-st.DownTotal)
		}
		if err := n.s.Resume(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		n.wait(5 * time.Minute)
	})
}

// TestLimits: the limits of a session hold for payload in both directions.
func TestLimits(t *testing.T) {
	for _, limit := range []int64{50_000, 400_000, 5_000_000} {
		for _, up := range []bool{true, false} {
			bubble(t, func(t *testing.T, w *sim, seed *node) {
				from, to := w.node(quick), w.node(quick)
				if up {
					from.cfg.Limits = budget.Limits{Up: limit}
				} else {
					to.cfg.Limits = budget.Limits{Down: limit}
				}
				from.seed()
				to.start(Add{Peers: []string{from.addr()}})
				took := to.wait(10 * time.Minute)
				rate := float64(len(w.data)) / took.Seconds()
				t.Logf("limit %d (up: %v): %.0f bytes a second", limit, up, rate)
				if rate > 1.1*float64(limit) || rate < 0.85*float64(min(limit, quick.Up)) && limit < 1_000_000 {
					t.Errorf("rate %.0f under a limit of %d", rate, limit)
				}
			})
		}
	}
}
