package piece_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
)

// TestS07FAT: what does not fit is said at once, and steps of 2 s in mtime are no change by somebody else.
func TestS07FAT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, tt := fsys.NewMem(), bordered(t)
		m.SetFAT(250 * kib)
		s := tt.selected(t, m, only(0, 1, 2, 3, 5))
		if err := s.Fits(only(0, 1, 2, 3, 5)); err != nil {
			t.Errorf("without the large file: %v", err)
		}
		if err := s.SetWanted(partsName, every); err != nil {
			t.Fatal(err)
		}
		err := s.Fits(every)
		wantIs(t, err, piece.ErrTooLarge)
		wantFile(t, err, m, "t/sub/c")
		if !strings.Contains(err.Error(), "307200 bytes") || !strings.Contains(err.Error(), "256000") {
			t.Errorf("%q does not say how large", err)
		}
		s.Close()

		m = fsys.NewMem()
		m.SetFAT(0)
		fresh := &freshFAT{m, 1300 * time.Millisecond}
		s = tt.selected(t, fresh, every)
		defer s.Close()
		if err := s.Fits(every); err != nil {
			t.Error(err)
		}
		for i := range tt.info.NumPieces() {
			tt.put(t, s, []int{i})
			time.Sleep(700 * time.Millisecond) // virtual
			if err := s.Inspect(); err != nil {
				t.Errorf("piece %d: %v", i, err)
			}
			if i%2 == 0 {
				if err := s.Sync(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if err := tt.right(s, 0); err != nil {
				t.Error(err)
			}
		}
		for i := range tt.info.NumPieces() {
			if err := tt.right(s, i); err != nil {
				t.Error(err)
			}
		}
		for _, fresh.finer = range []time.Duration{1300 * time.Millisecond, 0} { // until they are forgotten
			if err := errors.Join(s.Sync(t.Context()), s.Inspect(), s.Inspect()); err != nil {
				t.Error(err)
			}
		}
		if st := s.Stat()[0]; st.MTime != st.MTime.Truncate(2*time.Second) || !st.CTime.IsZero() {
			t.Errorf("record holds times that FAT does not keep: %+v", st)
		}
	})
}

// freshFAT remembers finer times than FAT keeps, as Linux does until it forgets a file.
type freshFAT struct {
	*fsys.Mem
	finer time.Duration
}

func (f *freshFAT) Lstat(name string) (fsys.Stat, error) {
	st, err := f.Mem.Lstat(name)
	st.MTime = st.MTime.Add(f.finer)
	return st, err
}

// TestS07Needs: what has its place on the disk already takes no more of it: on FAT everything up to the file's end,
// elsewhere what was preallocated; holes and unwanted files do not count.
func TestS07Needs(t *testing.T) {
	tt := bordered(t)
	for _, c := range []struct {
		name     string
		fat, pre bool
	}{{"holes", false, false}, {"FAT", true, false}, {"preallocated", false, true}} {
		m := fsys.NewMem()
		if c.fat {
			m.SetFAT(0)
		}
		s := tt.selected(t, m, only(0, 3, 4))
		if err := s.Create(c.pre); err != nil {
			t.Fatal(err)
		}
		last := tt.touching(4)[len(tt.touching(4))-2] // the end of c without its border
		tt.put(t, s, []int{last})
		have := metainfo.NewBitfield(tt.info.NumPieces())
		have.Set(last)
		var missing, larger int64
		for i := range tt.info.NumPieces() {
			if i != last && slices.ContainsFunc([]int{0, 3, 4}, func(f int) bool { return slices.Contains(tt.touching(f), i) }) {
				missing += int64(tt.info.PieceSize(i))
			}
		}
		got := s.Needs(&have)
		switch larger = missing - got; {
		case !c.fat && !c.pre && (larger < 0 || larger > 16*kib): // the store counts in pages
			t.Errorf("%s: %d bytes are needed, %d are missing", c.name, got, missing)
		case c.fat && (got <= 150*kib || larger < 200*kib): // all of a, b, but the end of c only
			t.Errorf("%s: %d bytes are needed, %d are missing", c.name, got, missing)
		case c.pre && got > 64*kib: // no more than the neighbours
			t.Errorf("%s: %d bytes are needed", c.name, got)
		}
		s.Close()
	}
}

// scarceFS has few file handles.
type scarceFS struct {
	fsys.FS
	left, refused atomic.Int32
}

type scarceFile struct {
	fsys.File
	fs *scarceFS
}

func (c *scarceFS) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	if c.left.Add(-1) < 0 {
		c.left.Add(1)
		c.refused.Add(1)
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EMFILE}
	}
	f, err := c.FS.OpenFile(name, flag, perm)
	if err != nil {
		c.left.Add(1)
		return nil, err
	}
	return &scarceFile{f, c}, nil
}

func (f *scarceFile) Close() error {
	err := f.File.Close()
	f.fs.left.Add(1)
	return err
}

// TestS06FewHandles has 5,000 files used by many goroutines, with 8 open at most, and then with a system
// that refuses to open more than 4.
func TestS06FewHandles(t *testing.T) {
	const files, users = 5000, 32
	var list []metainfo.File
	for i := range files {
		list = append(list, metainfo.File{Path: fmt.Sprintf("t/%02d/%04d", i%50, i), Length: 500 + int64(i%7)})
	}
	tt := makeTorrent(t, 16*kib, list...)
	for _, handles := range []int32{1000, 4} {
		root := &scarceFS{FS: fsys.NewMem()}
		root.left.Store(handles)
		pool := piece.NewFiles(8)
		s := piece.NewStore(root, tt.info, pool)
		each := func(do func(i int) error) {
			var wg sync.WaitGroup
			for u := range users {
				wg.Go(func() {
					for i := u; i < tt.info.NumPieces(); i += users {
						if err := do(i); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		}
		each(func(i int) error { return s.WriteBlocks(tt.info.PieceOffset(i), tt.blocks(i)) })
		if err := s.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		each(func(i int) error { return tt.right(s, i) })
		if n := pool.Len(); n > 8+users {
			t.Errorf("%d files are held", n)
		}
		if handles == 4 && root.refused.Load() == 0 {
			t.Error("no handle was ever refused")
		}
		s.Close()
		if n := root.left.Load(); n != handles {
			t.Errorf("%d of %d handles came back", n, handles)
		}
	}
}
