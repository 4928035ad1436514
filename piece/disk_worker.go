package piece

import (
	"context"

	"shoal/internal/sha1x"
	"shoal/metainfo"
)

// readSize is how much of each piece a Verify reads at once: few system calls and long reads
// where pieces take turns, and still at home in the processor's cache.
const readSize = 256 << 10

// worker is one goroutine of a Disk with the memory it uses again for every
// job, so that a job allocates nothing.
type worker struct {
	jobs   []*Job // to be done
	right  []*Job // Commits that were hashed and are to be written
	writes *Store // whose turn to be written to this worker has

	whole  sha1x.Hasher // of pieces
	each   sha1x.Hasher // of blocks
	chunks [sha1x.Lanes][]byte
	alike  []*Job
	bufs   [][]byte
	scratch
	reads []byte // made by the first Verify
}

// do does the jobs in w.jobs, and reports whether there is to be a next step.
func (w *worker) do(st step) bool {
	switch st {
	case doHash:
		w.hash()
	case doStore:
		w.store(w.jobs[0])
	case doCheck:
		w.check()
	case doCancel:
		for _, j := range w.jobs {
			finish(j, Result{Err: context.Canceled})
		}
	}
	clear(w.jobs) // an idle worker must not keep a torrent that is gone
	clear(w.alike)
	return st != doStop
}

// finish releases the blocks and answers.
func finish(j *Job, r Result) {
	for _, b := range j.Blocks {
		b.Release()
	}
	r.Job, r.Count = j, len(j.Blocks)
	j.Blocks, j.digests = nil, nil
	j.Done(r)
}

// hash hashes Commits of pieces of equal size. Those that are right go on to be written.
func (w *worker) hash() {
	w.alike = w.alike[:0]
	for i, j := range w.jobs {
		if j.regular() {
			w.alike = append(w.alike, j)
		} else {
			w.hashBlocks(w.jobs[i : i+1])
		}
	}
	if len(w.alike) > 0 {
		w.hashBlocks(w.alike)
	}
	clear(w.chunks[:])
}

// hashBlocks hashes jobs whose blocks have the same lengths.
func (w *worker) hashBlocks(jobs []*Job) {
	w.whole.Reset(len(jobs))
	for k := range jobs[0].Blocks {
		for i, j := range jobs {
			w.chunks[i] = j.Blocks[k].Bytes()
		}
		w.whole.Write(w.chunks[:len(jobs)])
	}
	for i, j := range jobs {
		ok := w.whole.Sum(i) == j.Store.info.PieceHash(j.Piece)
		if j.Digests || !ok {
			w.gather(j)
			j.digests = w.appendDigests(make([]metainfo.Hash, 0, len(w.bufs)), w.bufs)
			clear(w.bufs)
		}
		if ok {
			w.right = append(w.right, j)
		} else {
			finish(j, Result{Digests: j.digests})
		}
	}
}

// gather puts the bytes of a job's blocks into w.bufs.
func (w *worker) gather(j *Job) {
	w.bufs = w.bufs[:0]
	for _, b := range j.Blocks {
		w.bufs = append(w.bufs, b.Bytes())
	}
}

// store writes the job's blocks.
func (w *worker) store(j *Job) {
	r := Result{Digests: j.digests}
	w.gather(j)
	r.Err = j.Store.write(j.Store.info.PieceOffset(j.Piece)+int64(j.Begin), w.bufs, &w.scratch)
	r.OK = r.Err == nil
	clear(w.bufs)
	finish(j, r)
}

// check hashes pieces of equal size from disk, each a chunk at a time. Where files end too early or were never
// there, the piece is simply not right.
func (w *worker) check() {
	if w.reads == nil {
		w.reads = make([]byte, sha1x.Lanes*readSize)
	}
	var results [sha1x.Lanes]Result
	n, size := len(w.jobs), w.jobs[0].size()
	w.whole.Reset(n)
	failed := 0
	for at := 0; at < size && failed < n; at += readSize {
		for i, j := range w.jobs {
			r, p := &results[i], w.reads[i*readSize:][:min(size-at, readSize)]
			w.chunks[i] = p
			if r.Err != nil { // what is hashed for it does not matter
				continue
			}
			if _, r.Err = j.Store.ReadAt(p, j.Store.info.PieceOffset(j.Piece)+int64(at)); r.Err != nil {
				failed++
			} else if j.Digests {
				r.Digests = w.digestRun(r.Digests, p)
			}
		}
		w.whole.Write(w.chunks[:n])
	}
	for i, j := range w.jobs {
		r := &results[i]
		switch {
		case r.Err != nil:
			r.Digests = nil
		case w.whole.Sum(i) == j.Store.info.PieceHash(j.Piece):
			r.OK = true
		case !j.Digests:
			// Read once more: wrong pieces are rare, and a right one should not be
			// hashed twice.
			r.Digests, r.Err = w.readDigests(j)
		}
		if isAbsent(r.Err) {
			r.Err = nil
		}
		finish(j, *r)
	}
}

// readDigests hashes the blocks of a piece from disk.
func (w *worker) readDigests(j *Job) (digests []metainfo.Hash, err error) {
	for at, size := 0, j.size(); at < size; at += len(w.reads) {
		p := w.reads[:min(size-at, len(w.reads))]
		if _, err := j.Store.ReadAt(p, j.Store.info.PieceOffset(j.Piece)+int64(at)); err != nil {
			return nil, err
		}
		digests = w.digestRun(digests, p)
	}
	return digests, nil
}

// digestRun appends the digest of every block of p, which begins with one.
func (w *worker) digestRun(dst []metainfo.Hash, p []byte) []metainfo.Hash {
	w.bufs = w.bufs[:0]
	for len(p) > 0 {
		n := min(len(p), metainfo.BlockSize)
		w.bufs = append(w.bufs, p[:n])
		p = p[n:]
	}
	return w.appendDigests(dst, w.bufs)
}

// appendDigests appends the digest of each buffer. Those that are equally long go side by side.
func (w *worker) appendDigests(dst []metainfo.Hash, bufs [][]byte) []metainfo.Hash {
	for len(bufs) > 0 {
		n := 1
		for n < min(len(bufs), sha1x.Lanes) && len(bufs[n]) == len(bufs[0]) {
			n++
		}
		w.each.Reset(n)
		w.each.Write(bufs[:n])
		for i := range n {
			dst = append(dst, w.each.Sum(i))
		}
		bufs = bufs[n:]
	}
	return dst
}
