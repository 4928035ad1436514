package piece_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
)

const kib = 1 << 10

// torrent is content of which the right bytes are known.
type torrent struct {
	info *metainfo.Info
	data []byte
}

// makeTorrent fills files with random bytes, pad files with zeros.
func makeTorrent(t testing.TB, pieceLength int64, files ...metainfo.File) torrent {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(len(files))))
	var data, hashes []byte
	for _, f := range files {
		for range f.Length {
			if f.Pad {
				data = append(data, 0)
			} else {
				data = append(data, byte(rng.Uint32())|1)
			}
		}
	}
	for off := int64(0); off < int64(len(data)); off += pieceLength {
		sum := sha1.Sum(data[off:min(off+pieceLength, int64(len(data)))])
		hashes = append(hashes, sum[:]...)
	}
	info, err := metainfo.NewInfo("t", pieceLength, hashes, files, len(files) > 1, false)
	if err != nil {
		t.Fatal(err)
	}
	return torrent{info, data}
}

// mixed has all kinds of files, small against the piece length and against a block.
func mixed(t testing.TB) torrent {
	return makeTorrent(t, 64*kib,
		metainfo.File{Path: "t/empty/e", Length: 0},
		metainfo.File{Path: "t/one", Length: 1},
		metainfo.File{Path: "t/sub/big", Length: 200*kib + 7},
		metainfo.File{Path: "t/.pad/1", Length: 56*kib - 8, Pad: true},
		metainfo.File{Path: "t/sub/deep/x", Length: 64 * kib},
		metainfo.File{Path: "t/link", Symlink: true},
		metainfo.File{Path: "t/.pad/2", Length: 64 * kib, Pad: true},
		metainfo.File{Path: "t/y", Length: 30 * kib, Executable: true},
		metainfo.File{Path: "t/last", Length: 0},
	)
}

// blocks returns the right bytes of piece i, in blocks.
func (tt torrent) blocks(i int) [][]byte {
	p := tt.data[tt.info.PieceOffset(i):][:tt.info.PieceSize(i)]
	var out [][]byte
	for len(p) > 0 {
		n := min(len(p), metainfo.BlockSize)
		out, p = append(out, p[:n]), p[n:]
	}
	return out
}

func (tt torrent) writeAll(t testing.TB, s *piece.Store) {
	t.Helper()
	for _, i := range rand.New(rand.NewPCG(9, 9)).Perm(tt.info.NumPieces()) {
		if err := s.WriteBlocks(tt.info.PieceOffset(i), tt.blocks(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// eachRoot runs a test over a real folder and one in memory.
func eachRoot(t *testing.T, test func(t *testing.T, root fsys.FS)) {
	t.Run("dir", func(t *testing.T) {
		root, err := fsys.OpenDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		test(t, root)
	})
	t.Run("mem", func(t *testing.T) { test(t, fsys.NewMem()) })
}

func wantIs(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// wantFile checks that the error is about this file.
func wantFile(t *testing.T, err error, root fsys.FS, name string) {
	t.Helper()
	fe, ok := errors.AsType[*piece.FileError](err)
	if want := filepath.Join(root.Path(), filepath.FromSlash(name)); !ok || fe.Path != want {
		t.Errorf("error %v does not name %s", err, want)
	}
}

func TestStoreReadsWhatWasWritten(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := mixed(t)
		s := piece.NewStore(root, tt.info, piece.NewFiles(2))
		if err := s.Create(false); err != nil {
			t.Fatal(err)
		}
		tt.writeAll(t, s)
		got := make([]byte, len(tt.data))
		if n, err := s.ReadAt(got, 0); n != len(got) || err != nil {
			t.Fatalf("read %d of %d: %v", n, len(got), err)
		}
		if !bytes.Equal(got, tt.data) {
			t.Fatal("content differs")
		}
		rng := rand.New(rand.NewPCG(2, 2))
		for range 300 {
			off := rng.IntN(len(tt.data))
			p := make([]byte, rng.IntN(40*kib))
			n, err := s.ReadAt(p, int64(off))
			if off+len(p) > len(tt.data) {
				wantIs(t, err, io.EOF)
			} else if err != nil || n != len(p) {
				t.Fatalf("read of %d at %d: %d, %v", len(p), off, n, err)
			}
			if !bytes.Equal(p[:n], tt.data[off:off+n]) {
				t.Fatalf("read of %d at %d differs", len(p), off)
			}
		}
		for _, st := range s.Stat() {
			if st.Stored != st.Exists || st.Err != nil {
				t.Errorf("file is %+v", st)
			}
		}
		for i, f := range tt.info.Files() {
			st, err := root.Lstat(f.Path)
			if f.Pad || f.Symlink {
				wantIs(t, err, fs.ErrNotExist)
			} else if err != nil || st.Size != f.Length || st.Mode&0o111 != 0 != f.Executable {
				t.Errorf("file %d: %+v %v", i, st, err)
			}
		}
		if err := s.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Inspect(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		_, err := s.ReadAt(got, 0)
		wantIs(t, err, fs.ErrClosed)
	})
}

func TestStoreBounds(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := mixed(t)
		s := piece.NewStore(root, tt.info, piece.NewFiles(2))
		size := int64(len(tt.data))
		for _, off := range []int64{-1, size, size + 1, 1 << 62} {
			_, err := s.ReadAt(make([]byte, 1), off)
			wantIs(t, err, io.EOF)
			if err := s.WriteBlocks(off, [][]byte{{1}}); err == nil {
				t.Errorf("a byte was written at %d of %d", off, size)
			}
		}
		if err := s.WriteBlocks(size-1, [][]byte{{1}, {2}}); err == nil {
			t.Error("bytes were written beyond the end")
		}
		if list, _ := root.ReadDir("."); len(list) != 0 {
			t.Errorf("refused writes made %v", list)
		}
	})
}

func TestStoreMissingFiles(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := mixed(t)
		s := piece.NewStore(root, tt.info, piece.NewFiles(4))
		_, err := s.ReadAt(make([]byte, 10), 0)
		wantIs(t, err, fs.ErrNotExist)
		wantFile(t, err, root, "t/one")
		for i, st := range s.Stat() {
			if st.Exists || st.Err != nil {
				t.Errorf("file %d before anything was written: %+v", i, st)
			}
		}
		if list, _ := root.ReadDir("."); len(list) != 0 {
			t.Errorf("reading made %v", list)
		}
		if err := s.WriteBlocks(0, tt.blocks(0)); err != nil {
			t.Fatal(err)
		}
		_, err = s.ReadAt(make([]byte, 10), 100*kib)
		wantIs(t, err, io.ErrUnexpectedEOF)
		wantFile(t, err, root, "t/sub/big")
	})
}

func TestStored(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := makeTorrent(t, 64*kib, metainfo.File{Path: "t/a", Length: 512 * kib},
			metainfo.File{Path: "t/p", Length: 64 * kib, Pad: true}, metainfo.File{Path: "t/b", Length: 64 * kib})
		s := piece.NewStore(root, tt.info, piece.NewFiles(4))
		if err := s.WriteBlocks(5*64*kib, tt.blocks(5)); err != nil {
			t.Fatal(err)
		}
		stored := s.Stored()
		for i := range tt.info.NumPieces() {
			// 5 was written, 8 is padding, 9 lies in a file that is missing.
			if got, want := stored.Has(i), i == 5 || i == 8; got != want {
				t.Errorf("piece %d is stored: %v", i, got)
			}
		}
	})
}

// TestStoredInManyRuns: whatever is written where, the pieces of which something is stored are found, over the borders of
// files too, and no others.
func TestStoredInManyRuns(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := makeTorrent(t, 128*kib, metainfo.File{Path: "t/a", Length: 672 * kib}, metainfo.File{Path: "t/b", Length: 32 * kib},
			metainfo.File{Path: "t/c", Length: 1696 * kib}, metainfo.File{Path: "t/d", Length: 736 * kib})
		for range 4 {
			s := piece.NewStore(root, tt.info, piece.NewFiles(4))
			want := metainfo.NewBitfield(tt.info.NumPieces())
			for range 1 + rnd.IntN(6) {
				i := rnd.IntN(tt.info.NumPieces())
				if err := s.WriteBlocks(tt.info.PieceOffset(i), tt.blocks(i)); err != nil {
					t.Fatal(err)
				}
				want.Set(i)
			}
			if got := s.Stored(); !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("got %08b, want %08b", got.Bytes(), want.Bytes())
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			for _, f := range tt.info.Files() {
				if err := root.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestStoreCreate(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := mixed(t)
		s := piece.NewStore(root, tt.info, piece.NewFiles(4))
		if err := s.Create(false); err != nil {
			t.Fatal(err)
		}
		for i, st := range s.Stat() {
			if want := tt.info.Files()[i].Length == 0 && st.Stored; st.Exists != want {
				t.Errorf("file %d exists: %v", i, st.Exists)
			}
		}
		if err := s.Create(true); err != nil {
			t.Fatal(err)
		}
		for i, st := range s.Stat() {
			if st.Exists != st.Stored {
				t.Errorf("file %d exists: %v", i, st.Exists)
			}
		}
		tt.writeAll(t, s)
	})
}

// TestStoreCutsLongerFiles: what was there before is written over, and its end does not stay.
func TestStoreCutsLongerFiles(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := makeTorrent(t, 32*kib, metainfo.File{Path: "a", Length: 50 * kib})
		f, err := root.OpenFile("a", os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteAt(make([]byte, 99*kib), 0)
		f.Close()
		s := piece.NewStore(root, tt.info, piece.NewFiles(4))
		if _, err := s.ReadAt(make([]byte, 10), 0); err != nil {
			t.Fatal(err)
		}
		if st := s.Stat()[0]; st.Size != 99*kib {
			t.Errorf("reading changed the size to %d", st.Size)
		}
		tt.writeAll(t, s)
		if st := s.Stat()[0]; st.Size != 50*kib {
			t.Errorf("size %d", st.Size)
		}
		if err := s.Inspect(); err != nil {
			t.Error(err)
		}
	})
}

func TestSyncIsCancelled(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := mixed(t)
		s := piece.NewStore(root, tt.info, piece.NewFiles(20))
		tt.writeAll(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantIs(t, s.Sync(ctx), context.Canceled)
		if err := s.Sync(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestReadAllocatesNothing(t *testing.T) {
	tt := makeTorrent(t, 256*kib, metainfo.File{Path: "a", Length: 512 * kib})
	s := piece.NewStore(fsys.NewMem(), tt.info, piece.NewFiles(20))
	tt.writeAll(t, s)
	p := make([]byte, 256*kib)
	if n := testing.AllocsPerRun(50, func() { s.ReadAt(p, 100) }); n != 0 {
		t.Errorf("%v allocations a read", n)
	}
}
