package piece_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
)

const partsName = ".0123.parts"

// bordered is a torrent in which every file shares pieces with its neighbours.
func bordered(t testing.TB) torrent {
	return makeTorrent(t, 64*kib,
		metainfo.File{Path: "t/a", Length: 150 * kib},
		metainfo.File{Path: "t/tiny", Length: 3},
		metainfo.File{Path: "t/none", Length: 0},
		metainfo.File{Path: "t/sub/b", Length: 200*kib + 1},
		metainfo.File{Path: "t/sub/c", Length: 300 * kib},
		metainfo.File{Path: "t/d", Length: 70 * kib},
	)
}

func only(files ...int) func(int) bool {
	return func(i int) bool {
		for _, f := range files {
			if f == i {
				return true
			}
		}
		return false
	}
}

func every(int) bool { return true }

// touching returns the pieces that hold something of the file.
func (tt torrent) touching(file int) (out []int) {
	for i := range tt.info.NumPieces() {
		for _, sp := range tt.info.AppendSpans(nil, tt.info.PieceOffset(i), int64(tt.info.PieceSize(i))) {
			if sp.File == file {
				out = append(out, i)
			}
		}
	}
	return out
}

func (tt torrent) right(s *piece.Store, i int) error {
	want := tt.data[tt.info.PieceOffset(i):][:tt.info.PieceSize(i)]
	got := make([]byte, len(want))
	if _, err := s.ReadAt(got, tt.info.PieceOffset(i)); err != nil && err != io.EOF {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("piece %d differs", i)
	}
	return nil
}

func (tt torrent) put(t testing.TB, s *piece.Store, pieces []int) {
	t.Helper()
	for _, i := range pieces {
		if err := s.WriteBlocks(tt.info.PieceOffset(i), tt.blocks(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func (tt torrent) selected(t testing.TB, root fsys.FS, wanted func(int) bool) *piece.Store {
	t.Helper()
	s := piece.NewStore(root, tt.info, piece.NewFiles(3))
	if err := s.SetWanted(partsName, wanted); err != nil {
		t.Fatal(err)
	}
	return s
}

func exists(root fsys.FS, name string) bool {
	_, err := root.Lstat(name)
	return err == nil
}

func TestPartsOfUnwantedFiles(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := bordered(t)
		s := tt.selected(t, root, only(3))
		if err := s.Create(true); err != nil {
			t.Fatal(err)
		}
		mine := tt.touching(3)
		tt.put(t, s, mine)
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		check := func(s *piece.Store) {
			t.Helper()
			for _, i := range mine {
				if err := tt.right(s, i); err != nil {
					t.Error(err)
				}
				if stored := s.Stored(); !stored.Has(i) {
					t.Errorf("piece %d is not stored", i)
				}
			}
			if err := s.Inspect(); err != nil {
				t.Error(err)
			}
		}
		for _, name := range []string{"t/a", "t/tiny", "t/none", "t/sub/c", "t/d"} {
			if exists(root, name) {
				t.Errorf("unwanted %s appeared", name)
			}
		}
		st, err := root.Lstat(partsName)
		if err != nil || st.Size > 5*64*kib {
			t.Errorf("hidden file: %d bytes, %v", st.Size, err)
		}
		check(s)
		s.Reset()
		check(s)
		if _, err := s.ReadAt(make([]byte, 10), 0); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("bytes that were never written: %v", err)
		}
		s.Close()

		s = tt.selected(t, root, only(3)) // another run
		check(s)
		if fst := s.Stat(); !fst[0].Apart || !fst[0].Exists || fst[0].Size != 150*kib || fst[3].Apart || fst[2].Exists {
			t.Errorf("stat says %+v", fst)
		}
		if err := s.SetWanted(partsName, only(0, 1, 3)); err != nil {
			t.Fatal(err)
		}
		if !exists(root, "t/a") || !exists(root, "t/tiny") || !exists(root, partsName) {
			t.Error("a file that became wanted is not there, or the parts of others are gone")
		}
		check(s)
		if err := s.SetWanted(partsName, every); err != nil {
			t.Fatal(err)
		}
		if exists(root, partsName) || exists(root, partsName+".new") {
			t.Error("the hidden file is still there")
		}
		check(s)
		tt.writeAll(t, s)
		if err := s.Sync(t.Context()); err != nil {
			t.Error(err)
		}
		s.Close()
	})
}

// TestPartsInnerWrite: a piece inside a file that was unselected while it was on its way.
func TestPartsInnerWrite(t *testing.T) {
	m, tt := fsys.NewMem(), bordered(t)
	s := tt.selected(t, m, only(3))
	defer s.Close()
	tt.put(t, s, tt.touching(3))
	tt.put(t, s, []int{7}) // of t/sub/c alone
	for _, i := range append(tt.touching(3), 7) {
		if err := tt.right(s, i); err != nil {
			t.Error(err)
		}
	}
}

// TestS05MissingParts: what was in a hidden file that is gone or cut is not there any more.
func TestS05MissingParts(t *testing.T) {
	m, tt := fsys.NewMem(), bordered(t)
	s := tt.selected(t, m, only(3))
	tt.put(t, s, tt.touching(3))
	s.Close()
	f, err := m.OpenFile(partsName, 2, 0)
	if err != nil || f.Truncate(100) != nil {
		t.Fatal(err)
	}
	s = tt.selected(t, m, only(3))
	if st := s.Stat(); st[4].Exists || st[0].Size == 150*kib {
		t.Errorf("after a cut: %+v", st)
	}
	s.Close()
	if err := m.Remove(partsName); err != nil {
		t.Fatal(err)
	}
	s = tt.selected(t, m, only(3))
	defer s.Close()
	for _, i := range []int{0, 1, 4} {
		if st := s.Stat()[i]; st.Exists {
			t.Errorf("file %d without the hidden file: %+v", i, st)
		}
	}
	tt.put(t, s, tt.touching(3))
	if err := m.Remove(partsName); err != nil {
		t.Fatal(err)
	}
	wantIs(t, s.Inspect(), piece.ErrDeleted)
}

// TestS01PartsFaultAtEveryCall fails every call of a move in turn and cuts the power then and later.
func TestS01PartsFaultAtEveryCall(t *testing.T) {
	tt := bordered(t)
	mine := tt.touching(3)
	cuts, each := 0, 10
	if raceEnabled {
		each = 2
	}
	for n, more := 1, true; more; n++ {
		for _, fault := range []error{syscall.ENOSPC, syscall.EIO} {
			m := fsys.NewMem()
			rng := rand.New(rand.NewPCG(uint64(n), 1))
			s := tt.selected(t, m, only(3))
			tt.put(t, s, mine)
			if err := s.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			all := func(s *piece.Store, when string) {
				t.Helper()
				for _, i := range mine {
					if err := tt.right(s, i); err != nil {
						t.Fatalf("call %d, %s: %v", n, when, err)
					}
				}
			}
			cut := func(when string) {
				t.Helper()
				for range each {
					for _, wanted := range []func(int) bool{only(3), only(0, 3), every} {
						crashed := m.Crash(rng)
						c := tt.selected(t, crashed, wanted)
						all(c, "power cut "+when)
						c.Close()
						c = tt.selected(t, crashed.Crash(rng), every)
						all(c, "power cut again "+when)
						c.Close()
						cuts++
					}
				}
			}
			m.FailAt(n, fault)
			err := s.SetWanted(partsName, only(0, 3))
			cut("in the first move")
			err = errors.Join(err, s.SetWanted(partsName, every))
			cut("in the second move")
			m.FailAt(0, nil)
			if err != nil {
				wantIs(t, err, fault)
			}
			more = err != nil || n < 8
			all(s, "live")
			if err := s.SetWanted(partsName, every); err != nil {
				t.Fatal(err)
			}
			cut("when done")
			all(s, "done")
			if exists(m, partsName) {
				t.Errorf("call %d: the hidden file is still there", n)
			}
			s.Close()
		}
	}
	t.Logf("%d power cuts", cuts)
}

// TestS03PartsSyncError: a failed sync of the hidden file names the pieces on the borders.
func TestS03PartsSyncError(t *testing.T) {
	m, tt := fsys.NewMem(), bordered(t)
	s := tt.selected(t, m, only(3))
	defer s.Close()
	mine := tt.touching(3)
	tt.put(t, s, mine)
	lost := map[int]bool{}
	for n := 1; n <= 2; n++ { // both files
		m.FailAt(1, syscall.EIO)
		se, ok := errors.AsType[*piece.SyncError](s.Sync(t.Context()))
		if !ok {
			t.Fatalf("sync: %v", se)
		}
		for _, i := range se.Pieces {
			lost[i] = true
		}
		tt.put(t, s, mine)
	}
	for _, i := range []int{mine[0], mine[len(mine)-1]} {
		if !lost[i] {
			t.Errorf("piece %d has bytes in files whose sync failed, and is not named", i)
		}
	}
}

// TestPartsWhileInUse changes the selection under readers and writers.
func TestPartsWhileInUse(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := bordered(t)
		s := tt.selected(t, root, only(3))
		defer s.Close()
		mine := tt.touching(3)
		tt.put(t, s, mine)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for range 50 {
					for _, i := range mine {
						if err := tt.right(s, i); err != nil {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		wg.Go(func() {
			for i := range tt.info.NumPieces() {
				if err := s.WriteBlocks(tt.info.PieceOffset(i), tt.blocks(i)); err != nil {
					t.Error(err)
				}
				if err := s.Sync(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
		for _, wanted := range []func(int) bool{only(3, 4), only(3), only(1, 3), every, only(3), every} {
			if err := s.SetWanted(partsName, wanted); err != nil {
				t.Error(err)
			}
			s.Stat()
			if err := s.Inspect(); err != nil {
				t.Error(err)
			}
		}
		wg.Wait()
		for i := range tt.info.NumPieces() {
			if err := tt.right(s, i); err != nil {
				t.Error(err)
			}
		}
		if exists(root, partsName) {
			t.Error("the hidden file is still there")
		}
	})
}
