package piece_test

import (
	"context"
	"crypto/sha1"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
)

// together submits jobs to a Disk of one worker that has not begun, so that as many as can be are
// done side by side, and returns their results in the order of their answers.
func (b *bench) together(jobs ...piece.Job) []piece.Result {
	d := piece.NewDisk(1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out []piece.Result
	for _, j := range jobs {
		j.Store = b.store
		j.Done = func(r piece.Result) {
			if out = append(out, r); len(out) == len(jobs) {
				cancel()
			}
		}
		d.Submit(&j)
	}
	d.Run(ctx)
	return out
}

// evenTorrent has 12 pieces of four blocks and one that is shorter, in two files.
func evenTorrent(t testing.TB) torrent {
	return makeTorrent(t, 64*kib, metainfo.File{Path: "t/a", Length: 500 * kib}, metainfo.File{Path: "t/b", Length: 300*kib + 7})
}

// TestDiskTogether: pieces that are hashed side by side, right ones, wrong ones, short ones and those cut in
// another way, end as they would alone.
func TestDiskTogether(t *testing.T) {
	tt := evenTorrent(t)
	for n := 1; n <= tt.info.NumPieces(); n++ {
		b := newBench(t, tt, fsys.NewMem(), 1)
		var jobs []piece.Job
		want := map[int][]metainfo.Hash{}
		bad := map[int]bool{}
		for i := range n {
			j := piece.Job{Kind: piece.Commit, Piece: i, Blocks: b.pooled(b.blocks(i))}
			digests := b.digests(i)
			switch i % 7 {
			case 1:
				j.Blocks[0].Bytes()[5] ^= 1
				digests[0] = sha1.Sum(j.Blocks[0].Bytes())
				bad[i], want[i] = true, digests
			case 3:
				j.Digests = true
				want[i] = digests
			case 4:
				j.Blocks = b.pooled(b.blocks(i)[1:])
				bad[i], want[i] = true, digests[1:]
			case 6:
				whole := slices.Concat(b.blocks(i)...)
				j.Blocks = b.pooled([][]byte{whole[:100], whole[100:16000]})
				j.Blocks = append(j.Blocks, b.pooled(slices.Collect(slices.Chunk(whole[16000:], 16000)))...)
			}
			jobs = append(jobs, j)
		}
		results := b.together(jobs...)
		if len(results) != n {
			t.Fatalf("%d answers for %d jobs", len(results), n)
		}
		for _, r := range results {
			i := r.Job.Piece
			if r.OK == bad[i] || r.Err != nil || !slices.Equal(r.Digests, want[i]) || r.Job.Blocks != nil {
				t.Errorf("%d together, piece %d: %+v", n, i, r)
			}
			if v := b.do(piece.Job{Kind: piece.Verify, Piece: i}); v.OK == bad[i] || v.Err != nil {
				t.Errorf("%d together, piece %d on disk: %+v", n, i, v)
			}
		}
	}
}

// TestDiskVerifyTogether: a piece that is wrong, missing or unreadable does not touch those it is hashed with.
func TestDiskVerifyTogether(t *testing.T) {
	tt := evenTorrent(t)
	for _, digests := range []bool{false, true} {
		m := fsys.NewMem()
		b := newBench(t, tt, m, 1)
		last := b.info.NumPieces() - 1
		for i := range 10 { // of 13
			if i != 6 {
				b.commit(i)
			}
		}
		if err := b.store.WriteBlocks(b.info.PieceOffset(2)+20*kib, [][]byte{{0}}); err != nil {
			t.Fatal(err)
		}
		var jobs []piece.Job
		for i := range last + 1 {
			jobs = append(jobs, piece.Job{Kind: piece.Verify, Piece: i, Digests: digests})
		}
		m.FailReadAt(2, syscall.EIO)
		results := b.together(jobs...)
		m.FailReadAt(0, nil)
		if len(results) != len(jobs) {
			t.Fatalf("%d answers for %d jobs", len(results), len(jobs))
		}
		for i, r := range results {
			ok, err, n := true, error(nil), 0
			switch {
			case i == 1:
				ok, err = false, syscall.EIO
			case i == 2, i == 6: // wrong, and a hole
				ok, n = false, b.info.NumBlocks(i)
			case i >= 10: // behind the end of the file
				ok = false
			case digests:
				n = b.info.NumBlocks(i)
			}
			if r.Job.Piece != i || r.OK != ok || !errors.Is(r.Err, err) || len(r.Digests) != n {
				t.Errorf("piece %d: %+v", i, r)
			}
			if n > 0 && i != 6 && (r.Digests[0] != b.digests(i)[0] || (r.Digests[1] != b.digests(i)[1]) != (i == 2)) {
				t.Errorf("piece %d: wrong digests", i)
			}
		}
	}
}

// slowFS takes a second for every write, and counts how many it is asked for at a time.
type slowFS struct {
	fsys.FS
	mu        *sync.Mutex
	now, most *int
	all       *int // of all file systems that share it
	peak      *int
}

type slowFile struct {
	fsys.File
	fs *slowFS
}

func newSlowFS(all, peak *int, mu *sync.Mutex) *slowFS {
	return &slowFS{FS: fsys.NewMem(), mu: mu, now: new(int), most: new(int), all: all, peak: peak}
}

func (s *slowFS) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	return &slowFile{f, s}, err
}

func (f *slowFile) WritevAt(bufs [][]byte, off int64) (int64, error) {
	s := f.fs
	add := func(n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		*s.now += n
		*s.all += n
		*s.most, *s.peak = max(*s.most, *s.now), max(*s.peak, *s.all)
	}
	add(1)
	defer add(-1)
	time.Sleep(time.Second)
	return f.File.WritevAt(bufs, off)
}

// TestDiskOneWriterForAStore: workers do not wait for each other's write to a file, but write to
// another store, or hash, meanwhile.
func TestDiskOneWriterForAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var all, peak int
		d := piece.NewDisk(3)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); d.Run(ctx) }()
		tt := evenTorrent(t)
		var roots []*slowFS
		var benches []*bench
		for range 2 {
			root := newSlowFS(&all, &peak, &mu)
			roots = append(roots, root)
			benches = append(benches, &bench{torrent: tt, Disk: d, store: piece.NewStore(root, tt.info, piece.NewFiles(8))})
		}
		const pieces = 6
		results := make(chan piece.Result, 3*pieces)
		done := func(r piece.Result) { results <- r }
		began := time.Now()
		for i := range pieces {
			for _, b := range benches {
				d.Submit(&piece.Job{Kind: piece.Commit, Piece: i, Store: b.store, Blocks: b.pooled(b.blocks(i)), Done: done})
			}
		}
		time.Sleep(time.Millisecond) // two are being written, the others wait for them
		check := time.Now()
		d.Submit(&piece.Job{Kind: piece.Verify, Piece: 12, Store: benches[0].store, Done: done})
		if r := <-results; r.Job.Kind != piece.Verify || time.Since(check) != 0 {
			t.Errorf("a check waited for a write: job %d after %v", r.Job.Kind, time.Since(check))
		}
		for range 2 * pieces {
			if r := <-results; !r.OK {
				t.Errorf("%+v", r)
			}
		}
		if took := time.Since(began); took != pieces*time.Second || *roots[0].most != 1 || *roots[1].most != 1 || peak != 2 {
			t.Errorf("%v; at a time %d and %d writes to one store, %d to both", took, *roots[0].most, *roots[1].most, peak)
		}
		cancel()
		<-ended
		for _, b := range benches {
			b.store.Close()
		}
	})
}

// TestDiskFinishesWhatItHashed: pieces whose hash was found right before the end are written.
func TestDiskFinishesWhatItHashed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var all, peak int
		tt := evenTorrent(t)
		b := &bench{torrent: tt, Disk: piece.NewDisk(1), store: piece.NewStore(newSlowFS(&all, &peak, &mu), tt.info, piece.NewFiles(8))}
		ctx, cancel := context.WithCancel(t.Context())
		var wrote, cancelled []int
		submit := func(j piece.Job) {
			j.Store = b.store
			j.Done = func(r piece.Result) {
				switch {
				case r.OK:
					wrote = append(wrote, r.Job.Piece)
				case errors.Is(r.Err, context.Canceled):
					cancelled = append(cancelled, r.Job.Piece)
				default:
					t.Errorf("%+v", r)
				}
			}
			b.Submit(&j)
		}
		for i := range 6 {
			submit(piece.Job{Kind: piece.Commit, Piece: i, Blocks: b.pooled(b.blocks(i))})
		}
		ended := make(chan struct{})
		go func() { defer close(ended); b.Run(ctx) }()
		time.Sleep(time.Millisecond)
		submit(piece.Job{Kind: piece.Write, Piece: 7, Blocks: b.pooled(b.blocks(7))})
		cancel()
		<-ended
		b.store.Close()
		slices.Sort(cancelled)
		if !slices.Equal(wrote, []int{0, 1, 2, 3}) || !slices.Equal(cancelled, []int{4, 5, 7}) {
			t.Errorf("wrote %v, cancelled %v", wrote, cancelled)
		}
	})
}
