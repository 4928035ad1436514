package piece_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
)

// run downloads the torrent into m through faults: what fails is done again, as
// the engine would, until everything is there and synced. It returns the errors met.
// After each Sync the power is cut in a copy, which must hold all that is claimed.
func (b *bench) run(t *testing.T, m *fsys.Mem, limit int) []error {
	t.Helper()
	b.store = piece.NewStore(m, b.info, piece.NewFiles(limit))
	defer b.store.Close()
	rng := rand.New(rand.NewPCG(uint64(limit), uint64(m.Calls())))
	var met []error
	synced := metainfo.NewBitfield(b.info.NumPieces())
	written := metainfo.NewBitfield(b.info.NumPieces())
	for round := 0; !synced.All(); round++ {
		if round > 5 {
			t.Fatalf("not there after %d rounds: %v", round, met)
		}
		if err := b.store.Create(false); err != nil {
			met = append(met, err)
			continue
		}
		for i := range b.info.NumPieces() {
			if written.Has(i) {
				continue
			}
			r := b.commit(i)
			if r.Err != nil {
				met = append(met, r.Err)
			}
			if r.OK != (r.Err == nil) {
				t.Fatalf("commit of a right piece: %+v", r)
			}
			if r.OK {
				written.Set(i)
			}
			if i == b.info.NumPieces()/2 {
				met = b.sync(t, &written, &synced, met)
				b.cutPower(t, m, rng, &synced)
			}
		}
		met = b.sync(t, &written, &synced, met)
		b.cutPower(t, m, rng, &synced)
	}
	for i := range b.info.NumPieces() {
		if r := b.do(piece.Job{Kind: piece.Verify, Piece: i}); !r.OK {
			t.Errorf("piece %d is claimed and is not there: %+v", i, r)
		}
	}
	return met
}

// sync moves written pieces to synced, but those that the error names back to absent.
func (b *bench) sync(t *testing.T, written, synced *metainfo.Bitfield, met []error) []error {
	t.Helper()
	err := b.store.Sync(context.Background())
	if err != nil {
		se, ok := errors.AsType[*piece.SyncError](err)
		if !ok {
			t.Fatalf("sync: %v", err)
		}
		for _, i := range se.Pieces {
			written.Clear(i)
			synced.Clear(i)
		}
		met = append(met, err)
	}
	for i := range b.info.NumPieces() {
		if written.Has(i) {
			synced.Set(i)
		}
	}
	return met
}

func (b *bench) cutPower(t *testing.T, m *fsys.Mem, rng *rand.Rand, synced *metainfo.Bitfield) {
	t.Helper()
	live := b.store
	defer func() { b.store = live }()
	for range 3 {
		b.store = piece.NewStore(m.Crash(rng), b.info, piece.NewFiles(8))
		for i := range b.info.NumPieces() {
			if r := b.do(piece.Job{Kind: piece.Verify, Piece: i}); synced.Has(i) && !r.OK {
				t.Fatalf("piece %d was claimed as synced and is lost after a power cut: %v", i, r.Err)
			}
		}
		b.store.Close()
	}
}

// faultAtEveryCall fails each changing call of a download in turn.
func faultAtEveryCall(t *testing.T, faults ...error) {
	b := newBench(t, mixed(t), fsys.NewMem(), 1)
	injected := 0
	for _, limit := range []int{1, 2, 8} {
		m := fsys.NewMem()
		if met := b.run(t, m, limit); met != nil {
			t.Fatalf("errors without a fault: %v", met)
		}
		calls := m.Calls()
		for _, fault := range faults {
			for n := 1; n <= calls; n++ {
				m := fsys.NewMem()
				m.FailAt(n, fault)
				met := b.run(t, m, limit)
				if len(met) == 0 {
					t.Errorf("%v at call %d of %d was not told", fault, n, calls)
				}
				for _, err := range met {
					fe, ok := errors.AsType[*piece.FileError](err)
					if !errors.Is(err, fault) || !ok || fe.Path == "" {
						t.Errorf("%v at call %d came out as %v", fault, n, err)
					}
				}
				injected++
			}
		}
	}
	t.Logf("%d faults injected", injected)
}

func TestS01NoSpaceAtEveryCall(t *testing.T) { faultAtEveryCall(t, syscall.ENOSPC) }

func TestS03ErrorAtEveryCall(t *testing.T) { faultAtEveryCall(t, io.ErrShortWrite, syscall.EIO) }

// TestS01FullDisk fills up at every size; the download goes on when there is room again.
func TestS01FullDisk(t *testing.T) {
	b := newBench(t, mixed(t), fsys.NewMem(), 1)
	for free := int64(0); ; free += 16 * kib {
		m := fsys.NewMem()
		m.SetFree(free)
		b.store = piece.NewStore(m, b.info, piece.NewFiles(4))
		var failed []int
		for i := range b.info.NumPieces() {
			if r := b.commit(i); r.Err != nil {
				wantIs(t, r.Err, syscall.ENOSPC)
				failed = append(failed, i)
			}
		}
		m.SetFree(1 << 40)
		for _, i := range failed {
			if r := b.commit(i); !r.OK {
				t.Fatalf("with %d bytes and then more: %v", free, r.Err)
			}
		}
		for i := range b.info.NumPieces() {
			if r := b.do(piece.Job{Kind: piece.Verify, Piece: i}); !r.OK {
				t.Errorf("piece %d: %+v", i, r)
			}
		}
		b.store.Close()
		if failed == nil {
			break
		}
	}
}

func TestS02ReadError(t *testing.T) {
	m := fsys.NewMem()
	b := newBench(t, mixed(t), m, 1)
	for i := range b.info.NumPieces() {
		b.commit(i)
	}
	m.FailReadAt(1, syscall.EIO)
	_, err := b.store.ReadAt(make([]byte, 16*kib), 64*kib)
	wantIs(t, err, syscall.EIO)
	wantFile(t, err, m, "t/sub/big")
	for n := 1; n <= 2; n++ { // the first piece lies in two files
		m.FailReadAt(n, syscall.EIO)
		r := b.do(piece.Job{Kind: piece.Verify, Piece: 0})
		if r.OK || r.Digests != nil {
			t.Errorf("a piece that cannot be read: %+v", r)
		}
		wantIs(t, r.Err, syscall.EIO)
	}
	if r := b.do(piece.Job{Kind: piece.Verify, Piece: 0}); !r.OK {
		t.Errorf("after the fault: %+v", r)
	}
}

// TestS03FailedSyncIsToldOnce: the pieces of the file that failed are named, the
// others are not; the next sync is clean, and a piece written again is safe.
func TestS03FailedSyncIsToldOnce(t *testing.T) {
	m := fsys.NewMem()
	tt := makeTorrent(t, 64*kib,
		metainfo.File{Path: "t/a", Length: 100 * kib}, metainfo.File{Path: "t/b", Length: 200 * kib})
	b := newBench(t, tt, m, 1)
	b.commit(0)
	if err := b.store.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 5; i++ {
		b.commit(i)
	}
	m.FailAt(1, syscall.EIO) // the sync of t/a
	err := b.store.Sync(t.Context())
	se, ok := errors.AsType[*piece.SyncError](err)
	if !ok || fmt.Sprint(se.Pieces) != "[1]" {
		t.Fatalf("sync says %v, want piece 1 only", err)
	}
	wantIs(t, err, syscall.EIO)
	wantFile(t, err, m, "t/a")
	if want := "sync " + filepath.FromSlash("/mem/t/a") + ": " + syscall.EIO.Error() + "; pieces needed again: 1"; err.Error() != want {
		t.Errorf("error reads %q, want %q", err, want)
	}
	if err := b.store.Sync(t.Context()); err != nil {
		t.Errorf("told twice: %v", err)
	}
	lost := false
	for seed := range uint64(30) {
		crashed := piece.NewStore(m.Crash(rand.New(rand.NewPCG(seed, 0))), b.info, piece.NewFiles(2))
		got := make([]byte, len(b.data))
		crashed.ReadAt(got, 0)
		lost = lost || string(got[64*kib:100*kib]) != string(b.data[64*kib:100*kib])
		crashed.Close()
	}
	if !lost {
		t.Error("the fault is not a fault: the bytes always survive")
	}
	b.commit(1)
	if err := b.store.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := metainfo.NewBitfield(b.info.NumPieces())
	all.SetAll()
	b.cutPower(t, m, rand.New(rand.NewPCG(1, 1)), &all)
}

// TestR02UnsyncedFromAnEarlierRun: a process is killed between writing and syncing, the
// next one syncs what the first wrote, and then the power goes.
func TestR02UnsyncedFromAnEarlierRun(t *testing.T) {
	m := fsys.NewMem()
	b := newBench(t, mixed(t), m, 1)
	all := metainfo.NewBitfield(b.info.NumPieces())
	all.SetAll()
	b.writeAll(t, b.store)
	b.store.Close()

	b.store = piece.NewStore(m, b.info, piece.NewFiles(4))
	b.store.Unsynced(&all)
	m.FailAt(1, syscall.EIO)
	se, ok := errors.AsType[*piece.SyncError](b.store.Sync(t.Context()))
	if !ok || len(se.Pieces) == 0 {
		t.Fatalf("a failed sync names %v", se)
	}
	for _, i := range se.Pieces {
		b.commit(i)
	}
	if err := b.store.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.cutPower(t, m, rand.New(rand.NewPCG(2, 2)), &all)
	b.store.Close()
}
