package piece_test

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
)

// TestR02FileOfAnEarlierRun: an earlier run made a file and was killed before it synced anything. This run reads
// it first, then writes a piece into it and syncs. The file's name must be durable as well.
func TestR02FileOfAnEarlierRun(t *testing.T) {
	for seed := range uint64(20) {
		m := fsys.NewMem()
		tt := mixed(t)
		first := piece.NewStore(m, tt.info, piece.NewFiles(8))
		tt.writeAll(t, first)
		first.Close()

		b := newBench(t, tt, m, 1)
		if _, err := b.store.ReadAt(make([]byte, len(tt.data)), 0); err != nil {
			t.Fatal(err)
		}
		all := metainfo.NewBitfield(tt.info.NumPieces())
		for i := range tt.info.NumPieces() {
			if r := b.commit(i); !r.OK {
				t.Fatal(r.Err)
			}
			all.Set(i)
		}
		if err := b.store.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.cutPower(t, m, rand.New(rand.NewPCG(seed, 1)), &all)
	}
}

// closeHook calls back when a file is closed.
type closeHook struct {
	fsys.FS
	closed func()
}

type hookedFile struct {
	fsys.File
	closed func()
}

func (c *closeHook) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := c.FS.OpenFile(name, flag, perm)
	return &hookedFile{f, func() { c.closed() }}, err
}

func (f *hookedFile) Close() error {
	f.closed()
	return f.File.Close()
}

// TestFilesForgetClosedStores: a store that is closed while somebody opens a file of it leaves nothing in the
// ring, where it would live on and take the place of others.
func TestFilesForgetClosedStores(t *testing.T) {
	tt := mixed(t)
	files := piece.NewFiles(8)
	root := &closeHook{FS: fsys.NewMem(), closed: func() {}}
	s := piece.NewStore(root, tt.info, files)
	tt.writeAll(t, s)
	s.Reset()
	if _, err := s.ReadAt(make([]byte, 1), 0); err != nil {
		t.Fatal(err)
	}
	// The handle for reading is closed in the middle of opening the one for writing.
	once := false
	root.closed = func() {
		if !once {
			once = true
			s.Close()
		}
	}
	if err := s.WriteBlocks(0, tt.blocks(0)[:1]); err == nil || !once {
		t.Fatalf("%v: the second file was opened after Close", err)
	}
	if n := files.Len(); n != 0 {
		t.Errorf("%d files are held after Close", n)
	}
}

// TestSyncAfterClose: what was never synced is said to be lost, and nothing is opened any more.
func TestSyncAfterClose(t *testing.T) {
	m := fsys.NewMem()
	tt := mixed(t)
	s := piece.NewStore(m, tt.info, piece.NewFiles(8))
	tt.writeAll(t, s)
	s.Close()
	if _, ok := errors.AsType[*piece.SyncError](s.Sync(t.Context())); !ok {
		t.Error("a closed store claims to be synced")
	}
}

// lookHook calls back after somebody looked at a file.
type lookHook struct {
	fsys.FS
	looked func()
}

func (l *lookHook) Lstat(name string) (fsys.Stat, error) {
	st, err := l.FS.Lstat(name)
	l.looked()
	return st, err
}

// TestInspectDuringReset: what Inspect saw before a Reset does not keep the file closed after it.
func TestInspectDuringReset(t *testing.T) {
	tt := mixed(t)
	root := &lookHook{FS: fsys.NewMem(), looked: func() {}}
	s := piece.NewStore(root, tt.info, piece.NewFiles(1)) // so that every use opens anew
	defer s.Close()
	tt.writeAll(t, s)
	if _, err := s.ReadAt(make([]byte, 1), 0); err != nil {
		t.Fatal(err)
	}
	if err := root.Remove("t/one"); err != nil {
		t.Fatal(err)
	}
	once := false
	root.looked = func() {
		if !once {
			once = true
			s.Reset()
		}
	}
	s.Inspect()
	if err := s.WriteBlocks(0, tt.blocks(0)); err != nil {
		t.Errorf("written after Reset: %v", err)
	}
	if _, err := s.ReadAt(make([]byte, 64*kib), 0); err != nil || !once {
		t.Errorf("read after Reset: %v", err)
	}
}

// TestInspectWhileAWriteComesAndGoes: a write that begins and is synced while Inspect looks at the file is ours,
// at the next look too.
func TestInspectWhileAWriteComesAndGoes(t *testing.T) {
	tt := mixed(t)
	root := &lookHook{FS: fsys.NewMem(), looked: func() {}}
	s := piece.NewStore(root, tt.info, piece.NewFiles(8))
	defer s.Close()
	tt.writeAll(t, s)
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	once := false
	root.looked = func() {
		if !once {
			once = true
			tt.writeAll(t, s)
			if err := s.Sync(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	for range 3 {
		if err := s.Inspect(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestS04FolderGoneBeforeItsOtherFiles: a folder that was there is not made again for a file that is new.
func TestS04FolderGoneBeforeItsOtherFiles(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := makeTorrent(t, 16*kib, metainfo.File{Path: "t/sub/a", Length: 16 * kib}, metainfo.File{Path: "t/sub/b", Length: 16 * kib})
		s := piece.NewStore(root, tt.info, piece.NewFiles(8))
		defer s.Close()
		if err := s.WriteBlocks(0, tt.blocks(0)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(root.Remove("t/sub/a"), root.Remove("t/sub")); err != nil {
			t.Fatal(err)
		}
		err := s.WriteBlocks(16*kib, tt.blocks(1))
		wantIs(t, err, piece.ErrDeleted)
		if _, err := root.Lstat("t/sub"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder is back: %v", err)
		}
	})
}

// TestS05WrittenToWhileEvicted: a change made by others after the bound on open files closed what we had
// written is seen when the file is used again.
func TestS05WrittenToWhileEvicted(t *testing.T) {
	tt := makeTorrent(t, 16*kib, metainfo.File{Path: "t/a", Length: 16 * kib}, metainfo.File{Path: "t/b", Length: 16 * kib})
	m := fsys.NewMem()
	s := piece.NewStore(m, tt.info, piece.NewFiles(1))
	defer s.Close()
	for i := range 2 { // opening b closes a
		if err := s.WriteBlocks(tt.info.PieceOffset(i), tt.blocks(i)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := m.OpenFile("t/a", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("x"), 5); err != nil {
		t.Fatal(err)
	}
	f.Close()
	_, err = s.ReadAt(make([]byte, 10), 0)
	wantIs(t, err, piece.ErrChanged)
}

// TestR02SyncAfterACancelledOne: a Sync that was cut short leaves nothing out for the next.
func TestR02SyncAfterACancelledOne(t *testing.T) {
	for seed := range uint64(20) {
		m := fsys.NewMem()
		b := newBench(t, mixed(t), m, 1)
		b.writeAll(t, b.store)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.store.Sync(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := b.store.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := metainfo.NewBitfield(b.info.NumPieces())
		all.SetAll()
		b.cutPower(t, m, rand.New(rand.NewPCG(seed, 3)), &all)
	}
}

// syncHook calls back instead of syncing a file, and when a folder is synced.
type syncHook struct {
	fsys.FS
	file   func() error
	folder func()
}

type syncHookFile struct {
	fsys.File
	hook *syncHook
}

func (h *syncHook) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := h.FS.OpenFile(name, flag, perm)
	return &syncHookFile{f, h}, err
}

func (h *syncHook) SyncDir(name string) error { h.folder(); return h.FS.SyncDir(name) }

func (f *syncHookFile) Sync() error { return f.hook.file() }

// TestS03SyncWaitsForTheSyncOfAClosedFile: a file that is being synced because it is closed looks clean; Sync must
// not claim its pieces before that has ended, and here it ends badly.
func TestS03SyncWaitsForTheSyncOfAClosedFile(t *testing.T) {
	tt := makeTorrent(t, 16*kib, metainfo.File{Path: "t/a", Length: 16 * kib}, metainfo.File{Path: "t/b", Length: 16 * kib})
	root := &syncHook{FS: fsys.NewMem()}
	s := piece.NewStore(root, tt.info, piece.NewFiles(1))
	defer s.Close()
	if err := s.WriteBlocks(0, tt.blocks(0)); err != nil {
		t.Fatal(err)
	}
	var early atomic.Bool // Sync went on to the folders
	root.folder = func() { early.Store(true) }
	result := make(chan error, 1)
	root.file = func() error {
		root.file = func() error { return nil }
		go func() { result <- s.Sync(context.Background()) }()
		for range 10_000 { // long enough for a Sync that does not wait
			if runtime.Gosched(); early.Load() {
				t.Error("Sync did not wait")
				break
			}
		}
		return syscall.EIO
	}
	if err := s.WriteBlocks(16*kib, tt.blocks(1)); err != nil { // closes a
		t.Fatal(err)
	}
	if se, ok := errors.AsType[*piece.SyncError](<-result); !ok || !slices.Contains(se.Pieces, 0) {
		t.Errorf("piece 0 is claimed: %v", se)
	}
}
