package piece_test

import (
	"fmt"
	"io/fs"
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
		s = tt.selected(t, m, every)
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
		if st := s.Stat()[0]; st.MTime != st.MTime.Truncate(2*time.Second) || !st.CTime.IsZero() {
			t.Errorf("record holds times that FAT does not keep: %+v", st)
		}
	})
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
