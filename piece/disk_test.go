package piece_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"shoal/internal/block"
	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
)

// bench is a Disk at work over one store.
type bench struct {
	torrent
	*piece.Disk
	store *piece.Store
	pool  block.Pool
}

// newBench starts a Disk that ends with the test.
func newBench(t testing.TB, tt torrent, root fsys.FS, workers int) *bench {
	b := &bench{torrent: tt, Disk: piece.NewDisk(workers), store: piece.NewStore(root, tt.info, piece.NewFiles(8))}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		b.store.Close()
	})
	return b
}

// pooled copies buffers into blocks.
func (b *bench) pooled(bufs [][]byte) []*block.Block {
	var out []*block.Block
	for _, p := range bufs {
		bl := b.pool.Get()
		copy(bl.Resize(len(p)), p)
		out = append(out, bl)
	}
	return out
}

// do runs one job to its end.
func (b *bench) do(j piece.Job) piece.Result {
	done := make(chan piece.Result, 1)
	j.Store = b.store
	j.Done = func(r piece.Result) { done <- r }
	b.Submit(&j)
	return <-done
}

func (b *bench) commit(i int) piece.Result {
	return b.do(piece.Job{Kind: piece.Commit, Piece: i, Blocks: b.pooled(b.blocks(i))})
}

func (b *bench) digests(i int) (out []metainfo.Hash) {
	for _, p := range b.blocks(i) {
		out = append(out, sha1.Sum(p))
	}
	return out
}

func TestDiskCommitAndVerify(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		b := newBench(t, mixed(t), root, 2)
		for i := range b.info.NumPieces() {
			r := b.do(piece.Job{Kind: piece.Verify, Piece: i})
			blank := len(bytes.Trim(bytes.Join(b.blocks(i), nil), "\x00")) == 0
			if r.OK != blank || r.Err != nil {
				t.Errorf("verify of piece %d before it was written: %+v", i, r)
			}
		}
		for i := range b.info.NumPieces() {
			r := b.commit(i)
			if !r.OK || r.Err != nil || r.Digests != nil || r.Job.Piece != i || r.Job.Blocks != nil {
				t.Fatalf("commit of piece %d: %+v", i, r)
			}
		}
		for i := range b.info.NumPieces() {
			if r := b.do(piece.Job{Kind: piece.Verify, Piece: i}); !r.OK || r.Err != nil || r.Digests != nil {
				t.Errorf("verify of piece %d: %+v", i, r)
			}
			for _, j := range []piece.Job{
				{Kind: piece.Verify, Piece: i, Digests: true},
				{Kind: piece.Commit, Piece: i, Blocks: b.pooled(b.blocks(i)), Digests: true},
			} {
				if r := b.do(j); !r.OK || !slices.Equal(r.Digests, b.digests(i)) {
					t.Errorf("job %d of piece %d with digests: %+v", j.Kind, i, r)
				}
			}
		}
	})
}

// TestDiskWrongPiece: of a wrong piece not a byte is written, and the digests tell which block it was.
func TestDiskWrongPiece(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		b := newBench(t, mixed(t), root, 1)
		const i = 1
		want := b.digests(i)
		wrong := b.pooled(b.blocks(i))
		wrong[2].Bytes()[77] ^= 1
		want[2] = sha1.Sum(wrong[2].Bytes())
		r := b.do(piece.Job{Kind: piece.Commit, Piece: i, Blocks: wrong})
		if r.OK || r.Err != nil || !slices.Equal(r.Digests, want) {
			t.Errorf("wrong piece: %+v", r)
		}
		if list, _ := root.ReadDir("."); len(list) != 0 {
			t.Errorf("the wrong piece made %v", list)
		}
		short := b.pooled(b.blocks(i)[1:])
		if r := b.do(piece.Job{Kind: piece.Commit, Piece: i, Blocks: short}); r.OK || r.Err != nil {
			t.Errorf("short piece: %+v", r)
		}
	})
}

// TestDiskLargePiece writes a piece block by block and reads it back, right and wrong.
func TestDiskLargePiece(t *testing.T) {
	eachRoot(t, func(t *testing.T, root fsys.FS) {
		tt := makeTorrent(t, 1024*kib,
			metainfo.File{Path: "t/a", Length: 700*kib + 5}, metainfo.File{Path: "t/b", Length: 900 * kib})
		b := newBench(t, tt, root, 2)
		bl := b.blocks(0)
		for n := 0; n < len(bl); n += 3 {
			run := b.pooled(bl[n:min(n+3, len(bl))])
			r := b.do(piece.Job{Kind: piece.Write, Begin: n * metainfo.BlockSize, Blocks: run})
			if !r.OK || r.Err != nil {
				t.Fatalf("write: %+v", r)
			}
		}
		if r := b.do(piece.Job{Kind: piece.Verify}); !r.OK {
			t.Errorf("right piece: %+v", r)
		}
		if err := b.store.WriteBlocks(50*metainfo.BlockSize, [][]byte{{0}}); err != nil {
			t.Fatal(err)
		}
		want := b.digests(0)
		r := b.do(piece.Job{Kind: piece.Verify})
		if r.OK || r.Err != nil || len(r.Digests) != len(want) {
			t.Fatalf("wrong piece: %+v", r)
		}
		for n := range want {
			if (r.Digests[n] == want[n]) != (n != 50) {
				t.Errorf("digest of block %d", n)
			}
		}
	})
}

func TestDiskEndsWithItsJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tt := mixed(t)
		store := piece.NewStore(fsys.NewMem(), tt.info, piece.NewFiles(4))
		d := piece.NewDisk(2)
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var results []error
		submit := func() {
			d.Submit(&piece.Job{Kind: piece.Verify, Store: store, Done: func(r piece.Result) {
				mu.Lock()
				defer mu.Unlock()
				results = append(results, r.Err)
			}})
		}
		for range 100 {
			submit()
		}
		cancel() // before Run: all are queued
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		submit()
		if len(results) != 101 {
			t.Fatalf("%d of 101 jobs were answered", len(results))
		}
		cancelled := 0
		for _, err := range results {
			if errors.Is(err, context.Canceled) {
				cancelled++
			} else if err != nil {
				t.Error(err)
			}
		}
		if cancelled == 0 || !errors.Is(results[100], context.Canceled) {
			t.Errorf("%d jobs were cancelled", cancelled)
		}
	})
}

// TestDiskOrder: what was downloaded goes before what is only checked.
func TestDiskOrder(t *testing.T) {
	tt := mixed(t)
	store := piece.NewStore(fsys.NewMem(), tt.info, piece.NewFiles(4))
	d := piece.NewDisk(1)
	var got []piece.JobKind
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const jobs = 600
	for n := range jobs {
		kind := piece.Verify
		if n%3 == 2 {
			kind = piece.Write
		}
		d.Submit(&piece.Job{Kind: kind, Store: store, Done: func(r piece.Result) {
			if r.Err != nil {
				t.Error(r.Err)
			}
			if got = append(got, r.Job.Kind); len(got) == jobs {
				cancel()
			}
		}})
	}
	d.Run(ctx)
	if first := slices.Index(got, piece.Verify); slices.Contains(got[first:], piece.Write) {
		t.Error("a check went before a write")
	}
}

// TestDiskQueueThatNeverEmpties: every job submits the next while others wait.
func TestDiskQueueThatNeverEmpties(t *testing.T) {
	tt := mixed(t)
	store := piece.NewStore(fsys.NewMem(), tt.info, piece.NewFiles(4))
	d := piece.NewDisk(1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const jobs, waiting = 2000, 100
	var got []int
	var submit func(n int)
	submit = func(n int) {
		d.Submit(&piece.Job{Kind: piece.Verify, Store: store, Begin: n, Done: func(r piece.Result) {
			if got = append(got, r.Job.Begin); len(got) == jobs {
				cancel()
			} else if len(got) < jobs {
				submit(n + waiting)
			}
		}})
	}
	for n := range waiting {
		submit(n)
	}
	d.Run(ctx)
	for i, n := range got[:jobs] {
		if i != n {
			t.Fatalf("job %d came in place %d", n, i)
		}
	}
}
