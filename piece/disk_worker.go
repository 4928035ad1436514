package piece

import (
	"crypto/sha1"
	"hash"

	"shoal/metainfo"
)

// readSize is how much a Verify reads at once: few system calls, and still at home
// in the processor's cache.
const readSize = 256 << 10

// worker is one goroutine of a Disk with the memory it uses again for every
// job, so that a job allocates nothing.
type worker struct {
	hash hash.Hash
	sum  []byte
	bufs [][]byte
	scratch
	buf []byte // made by the first Verify
}

func newWorker() *worker { return &worker{hash: sha1.New()} }

func (w *worker) run(j *Job) Result {
	switch j.Kind {
	case Commit:
		return w.commit(j)
	case Write:
		err := w.write(j)
		return Result{OK: err == nil, Err: err}
	default:
		return w.verify(j)
	}
}

// finish releases the blocks and answers.
func (w *worker) finish(j *Job, r Result) {
	for _, b := range j.Blocks {
		b.Release()
	}
	j.Blocks = nil
	clear(w.bufs)
	r.Job = j
	j.Done(r)
}

// matches ends a hash and compares it.
func (w *worker) matches(j *Job) bool {
	w.sum = w.hash.Sum(w.sum[:0])
	return metainfo.Hash(w.sum) == j.Store.info.PieceHash(j.Piece)
}

func (w *worker) commit(j *Job) Result {
	var r Result
	w.hash.Reset()
	size := 0
	for _, b := range j.Blocks {
		w.hash.Write(b.Bytes())
		size += len(b.Bytes())
	}
	r.OK = w.matches(j) && size == j.Store.info.PieceSize(j.Piece)
	if j.Digests || !r.OK {
		r.Digests = make([]metainfo.Hash, 0, len(j.Blocks))
		for _, b := range j.Blocks {
			r.Digests = append(r.Digests, sha1.Sum(b.Bytes()))
		}
	}
	if r.OK {
		r.Err = w.write(j)
		r.OK = r.Err == nil
	}
	return r
}

// write stores the job's blocks.
func (w *worker) write(j *Job) error {
	w.bufs = w.bufs[:0]
	for _, b := range j.Blocks {
		w.bufs = append(w.bufs, b.Bytes())
	}
	return j.Store.write(j.Store.info.PieceOffset(j.Piece)+int64(j.Begin), w.bufs, &w.scratch)
}

// verify hashes a piece from disk. Where files end too early or were never
// there, the piece is simply not right.
func (w *worker) verify(j *Job) Result {
	var r Result
	w.hash.Reset()
	err := w.walk(j, func(p []byte) {
		w.hash.Write(p)
		if j.Digests {
			r.Digests = appendDigests(r.Digests, p)
		}
	})
	switch {
	case isAbsent(err):
		r.Digests = nil
	case err != nil:
		return Result{Err: err}
	case w.matches(j):
		r.OK = true
	case !j.Digests:
		// Read once more: wrong pieces are rare, and a right one should not be
		// hashed twice.
		err = w.walk(j, func(p []byte) { r.Digests = appendDigests(r.Digests, p) })
		if err != nil && !isAbsent(err) {
			return Result{Err: err}
		}
	}
	return r
}

// walk reads a piece in steps of whole blocks.
func (w *worker) walk(j *Job, do func(p []byte)) error {
	if w.buf == nil {
		w.buf = make([]byte, readSize)
	}
	off, left := j.Store.info.PieceOffset(j.Piece), j.Store.info.PieceSize(j.Piece)
	for left > 0 {
		p := w.buf[:min(left, len(w.buf))]
		if _, err := j.Store.ReadAt(p, off); err != nil {
			return err
		}
		do(p)
		off, left = off+int64(len(p)), left-len(p)
	}
	return nil
}

func appendDigests(dst []metainfo.Hash, p []byte) []metainfo.Hash {
	for len(p) > 0 {
		n := min(len(p), metainfo.BlockSize)
		dst = append(dst, sha1.Sum(p[:n]))
		p = p[n:]
	}
	return dst
}
