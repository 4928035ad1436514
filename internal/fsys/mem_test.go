package fsys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
)

var errInjected = errors.New("injected")

func TestMemFailAt(t *testing.T) {
	m := NewMem()
	f := create(t, m, "f")
	m.FailAt(2, errInjected)
	b := bytes.Repeat([]byte("ab"), 100)
	if n, err := f.WriteAt(b, 0); n != 200 || err != nil {
		t.Fatalf("first call: %d %v", n, err)
	}
	n, err := f.WritevAt([][]byte{b[:150], b[:50]}, 200)
	if n != 100 {
		t.Errorf("the failing write stored %d bytes, want half", n)
	}
	wantIs(t, err, errInjected)
	if n, err := f.WriteAt(b, 200); n != 200 || err != nil {
		t.Fatalf("after the fault: %d %v", n, err)
	}
	calls := m.Calls()
	for i, change := range []func() error{
		func() error { _, err := m.OpenFile("new", os.O_CREATE|os.O_RDWR, 0o666); return err },
		func() error { return m.MkdirAll("d", 0o777) },
		func() error { return f.Truncate(10) },
		func() error { return f.Allocate(10) },
		func() error { return f.Sync() },
		func() error { return m.SyncDir(".") },
		func() error { return m.Rename("f", "g") },
		func() error { return m.Remove("f") },
	} {
		m.FailAt(1, errInjected)
		wantIs(t, change(), errInjected)
		if m.Calls() != calls+i+1 {
			t.Errorf("call %d was not counted once", i)
		}
	}
	m.FailReadAt(2, syscall.EIO)
	for i, want := range []error{nil, syscall.EIO, nil} {
		if _, err := f.ReadAt(b, 0); !errors.Is(err, want) {
			t.Errorf("read %d: %v", i, err)
		}
	}
}

func TestMemFull(t *testing.T) {
	m := NewMem()
	f := create(t, m, "f")
	m.SetFree(3 * pageSize)
	n, err := f.WriteAt(make([]byte, 4*pageSize), 0)
	if n != 3*pageSize {
		t.Errorf("stored %d bytes", n)
	}
	wantIs(t, err, syscall.ENOSPC)
	if _, err := f.WriteAt(make([]byte, pageSize), pageSize); err != nil {
		t.Errorf("writing over stored bytes needs no room: %v", err)
	}
	if err := f.Truncate(pageSize); err != nil {
		t.Fatal(err)
	}
	free, _ := m.Free()
	if total, _ := m.Total(); free != 2*pageSize || total != 3*pageSize {
		t.Errorf("%d of %d bytes free", free, total)
	}
}

// TestMemCrash writes numbered states of a file, some synced, and cuts the power
// after every call: what was synced last is never lost, what was not may be.
func TestMemCrash(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	lostUnsynced, keptUnsynced := 0, 0
	for round := range 200 {
		m := NewMem()
		f := create(t, m, "f")
		f.WriteAt(bytes.Repeat([]byte{1}, 3*pageSize), 0)
		if err := errors.Join(f.Sync(), m.SyncDir(".")); err != nil {
			t.Fatal(err)
		}
		f.WriteAt(bytes.Repeat([]byte{2}, pageSize), pageSize)
		f.WriteAt([]byte{2}, 5*pageSize)
		create(t, m, "unsynced")
		c := m.Crash(rng)
		g, err := c.OpenFile("f", os.O_RDONLY, 0)
		if err != nil {
			t.Fatalf("round %d: a synced name was lost: %v", round, err)
		}
		got := content(t, g)
		if len(got) != 3*pageSize && len(got) != 5*pageSize+1 {
			t.Fatalf("size %d", len(got))
		}
		for i, b := range got[:3*pageSize] {
			if b != 1 && (b != 2 || i/pageSize != 1) {
				t.Fatalf("byte %d is %d", i, b)
			}
		}
		if got[pageSize] == 2 {
			keptUnsynced++
		} else {
			lostUnsynced++
		}
		if content(t, f)[pageSize] != 2 {
			t.Fatal("the running tree was harmed")
		}
	}
	if keptUnsynced == 0 || lostUnsynced == 0 {
		t.Errorf("unsynced bytes kept %d times, lost %d times", keptUnsynced, lostUnsynced)
	}
}

// TestMemCrashAfterFailedSync: the sync after a failed one succeeds and makes nothing durable.
func TestMemCrashAfterFailedSync(t *testing.T) {
	m := NewMem()
	f := create(t, m, "f")
	f.WriteAt([]byte{1}, 0)
	f.Sync()
	m.SyncDir(".")
	f.WriteAt([]byte{2}, 0)
	m.FailAt(1, syscall.EIO)
	wantIs(t, f.Sync(), syscall.EIO)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	seen := map[byte]bool{}
	rng := rand.New(rand.NewPCG(5, 6))
	states := func() map[byte]bool {
		clear(seen)
		for range 50 {
			g, err := m.Crash(rng).OpenFile("f", os.O_RDONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			seen[content(t, g)[0]] = true
		}
		return seen
	}
	if s := states(); !s[1] || !s[2] {
		t.Errorf("after the failed sync the states %v were seen, want both", s)
	}
	f.WriteAt([]byte{3}, 0)
	f.Sync()
	if s := states(); fmt.Sprint(s) != "map[3:true]" {
		t.Errorf("after writing again and syncing: %v", s)
	}
}

func TestMemCrashRename(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		m := NewMem()
		for name, text := range map[string]string{"rec": "old", "tmp": "new"} {
			f := create(t, m, name)
			f.WriteAt([]byte(text), 0)
			f.Sync()
		}
		m.SyncDir(".")
		m.Rename("tmp", "rec")
		g, err := m.Crash(rng).OpenFile("rec", os.O_RDONLY, 0)
		if err != nil {
			t.Fatal("a renamed-over name was lost")
		}
		if got := string(content(t, g)); got != "old" && got != "new" {
			t.Errorf("content %q", got)
		}
	}
}

func TestMemInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMem()
		f, err := m.OpenFile("f", os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		for i := range 8 {
			go func() {
				_, err := f.WriteAt([]byte{byte(i)}, int64(i))
				done <- err
			}()
		}
		for range 8 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestMemMoved(t *testing.T) {
	m := NewMem()
	m.SetMoved(fs.ErrNotExist)
	wantIs(t, m.Check(), ErrMoved)
	m.SetMoved(nil)
	if err := m.Check(); err != nil {
		t.Error(err)
	}
	f := create(t, m, "f")
	f.Close()
	_, err := f.ReadAt(make([]byte, 1), 0)
	wantIs(t, err, fs.ErrClosed)
	if errors.Is(err, io.EOF) {
		t.Error("closed is not the end")
	}
}
