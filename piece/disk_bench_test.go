package piece_test

import (
	"testing"

	"shoal/internal/block"
	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
)

// load is one round of jobs on a real folder, all submitted before the first answer is taken. The jobs and
// lists of blocks are made once, so that only what the Disk allocates counts.
type load struct {
	*bench
	jobs   []piece.Job
	right  [][][]byte // by job, what its blocks hold
	blocks [][]*block.Block
	done   chan piece.Result
}

func newLoad(t testing.TB, pieceLength int64, workers int, files ...metainfo.File) *load {
	t.Helper()
	root, err := fsys.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return &load{bench: newBench(t, makeTorrent(t, pieceLength, files...), root, workers), done: make(chan piece.Result, 1024)}
}

// add plans a job with these blocks of piece i.
func (l *load) add(kind piece.JobKind, i, begin int, right [][]byte) {
	l.jobs = append(l.jobs, piece.Job{Kind: kind, Piece: i, Begin: begin * metainfo.BlockSize, Store: l.store, Done: func(r piece.Result) { l.done <- r }})
	l.right = append(l.right, right)
	l.blocks = append(l.blocks, make([]*block.Block, 0, len(right)))
}

// commits and verifies plan a job for each piece.
func (l *load) commits() {
	for i := range l.info.NumPieces() {
		l.add(piece.Commit, i, 0, l.torrent.blocks(i))
	}
}

func (l *load) verifies() {
	for i := range l.info.NumPieces() {
		l.add(piece.Verify, i, 0, nil)
	}
}

// writes plans the writes of each piece, in runs of eight blocks.
func (l *load) writes() {
	for i := range l.info.NumPieces() {
		all := l.torrent.blocks(i)
		for n := 0; n < len(all); n += 8 {
			l.add(piece.Write, i, n, all[n:min(n+8, len(all))])
		}
	}
}

// run does the jobs from to to.
func (l *load) run(t testing.TB, from, to int) {
	for k := from; k < to; k++ {
		l.blocks[k] = l.blocks[k][:0]
		for _, p := range l.right[k] {
			b := l.pool.Get()
			copy(b.Resize(len(p)), p)
			l.blocks[k] = append(l.blocks[k], b)
		}
		l.jobs[k].Blocks = l.blocks[k]
		l.Submit(&l.jobs[k])
	}
	for range to - from {
		if r := <-l.done; !r.OK {
			t.Fatalf("%+v", r)
		}
	}
}

func TestJobAllocatesNothing(t *testing.T) {
	for _, workers := range []int{1, 2} {
		// Eight pieces, of which one lies in two files.
		l := newLoad(t, 256*kib, workers, metainfo.File{Path: "a", Length: 1600 * kib}, metainfo.File{Path: "b", Length: 448 * kib})
		l.commits()
		commits := len(l.jobs)
		l.writes()
		writes := len(l.jobs)
		l.verifies()
		all := len(l.jobs)
		n := testing.AllocsPerRun(20, func() {
			l.run(t, 0, commits) // together
			for k := range commits {
				l.run(t, k, k+1) // alone
			}
			l.run(t, commits, writes)
			l.run(t, writes, all)
			l.run(t, writes, writes+1)
		})
		if n >= 1 && !raceEnabled {
			t.Errorf("%d workers: %v allocations a round", workers, n)
		}
	}
}

// benchmark runs the jobs of a load again and again, up to the end of each phase before the next begins; bytes are
// those of the torrent.
func (l *load) benchmark(b *testing.B, phases ...int) {
	round := func() {
		from := 0
		for _, to := range phases {
			l.run(b, from, to)
			from = to
		}
	}
	round() // makes the blocks and the workers' memory
	b.SetBytes(l.info.Size())
	b.ReportAllocs()
	for b.Loop() {
		round()
	}
}

// BenchmarkCommit is pieces of 1 MiB that are hashed in memory and written, with the copy into the blocks.
func BenchmarkCommit(b *testing.B) {
	l := newLoad(b, 1024*kib, 2, metainfo.File{Path: "a", Length: 8 * 1024 * kib})
	l.commits()
	l.benchmark(b, len(l.jobs))
}

// BenchmarkWriteAndVerify is pieces of 16 MiB that are written block by block and hashed by reading back.
func BenchmarkWriteAndVerify(b *testing.B) {
	l := newLoad(b, 16*1024*kib, 2, metainfo.File{Path: "a", Length: 64 * 1024 * kib})
	l.writes()
	var phases []int // few blocks are in memory at a time
	for n := 32; n <= len(l.jobs); n += 32 {
		phases = append(phases, n)
	}
	l.verifies()
	l.benchmark(b, append(phases, len(l.jobs))...)
}

// BenchmarkVerify is the check of pieces of 1 MiB.
func BenchmarkVerify(b *testing.B) {
	l := newLoad(b, 1024*kib, 2, metainfo.File{Path: "a", Length: 32 * 1024 * kib})
	l.writeAll(b, l.store)
	l.verifies()
	l.benchmark(b, len(l.jobs))
}
