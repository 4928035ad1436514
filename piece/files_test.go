package piece_test

import (
	"bytes"
	"io/fs"
	"path"
	"sync"
	"testing"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
)

// TestFilesBound uses many files from many goroutines with room for few.
func TestFilesBound(t *testing.T) {
	const files, limit, users = 60, 5, 4
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		counted := &countingFS{FS: root, dirty: map[string]bool{}, open: map[string]int{}}
		var list []metainfo.File
		for i := range files {
			name := path.Join("t", string(rune('a'+i/26)), string(rune('a'+i%26)))
			list = append(list, metainfo.File{Path: name, Length: 20*kib + int64(i)})
		}
		tt := makeTorrent(t, 32*kib, list...)
		pool := piece.NewFiles(limit)
		stores := []*piece.Store{piece.NewStore(counted, tt.info, pool), piece.NewStore(fsys.NewMem(), tt.info, pool)}
		for _, s := range stores {
			var wg sync.WaitGroup
			for u := range users {
				wg.Go(func() {
					for i := u; i < tt.info.NumPieces(); i += users {
						if err := s.WriteBlocks(tt.info.PieceOffset(i), tt.blocks(i)); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Go(func() {
				if err := s.Sync(t.Context()); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			for range users {
				wg.Go(func() {
					got := make([]byte, len(tt.data))
					if _, err := s.ReadAt(got, 0); err != nil || !bytes.Equal(got, tt.data) {
						t.Errorf("content differs, %v", err)
					}
				})
			}
			wg.Wait()
			if err := s.Inspect(); err != nil {
				t.Error(err)
			}
		}
		if n := pool.Len(); n > limit+users {
			t.Errorf("%d files are held, the limit is %d", n, limit)
		}
		if counted.most > limit+users+1 {
			t.Errorf("%d files were open at once, the limit is %d", counted.most, limit)
		}
		if counted.misused {
			t.Error("a dirty file was closed before its sync")
		}
		for _, s := range stores {
			s.Close()
		}
		if counted.now != 0 || pool.Len() != 0 {
			t.Errorf("after Close %d files are open, %d are in the ring", counted.now, pool.Len())
		}
	})
}

// countingFS counts open files and notices one that is closed with unsynced bytes.
type countingFS struct {
	fsys.FS
	mu        sync.Mutex
	now, most int
	dirty     map[string]bool // by name: any handle may sync a file,
	open      map[string]int  // and only the last one has to
	misused   bool
}

type countedFile struct {
	fsys.File
	fs   *countingFS
	name string
}

func (c *countingFS) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := c.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now++
	c.open[name]++
	c.most = max(c.most, c.now)
	return &countedFile{File: f, fs: c, name: name}, nil
}

func (f *countedFile) WritevAt(bufs [][]byte, off int64) (int64, error) {
	n, err := f.File.WritevAt(bufs, off)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.dirty[f.name] = true
	return n, err
}

func (f *countedFile) Sync() error {
	f.fs.mu.Lock()
	f.fs.dirty[f.name] = false
	f.fs.mu.Unlock()
	return f.File.Sync()
}

func (f *countedFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.now--
	f.fs.open[f.name]--
	f.fs.misused = f.fs.misused || f.fs.dirty[f.name] && f.fs.open[f.name] == 0
	return f.File.Close()
}
