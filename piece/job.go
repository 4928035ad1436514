package piece

import (
	"shoal/internal/block"
	"shoal/metainfo"
)

// JobKind says what a Job asks of the disk.
type JobKind uint8

const (
	// Commit hashes a whole piece held in Blocks and, only if the hash is
	// right, writes it with one vectored write.
	Commit JobKind = iota
	// Write stores Blocks (one or more, contiguous from Begin) in place without hashing: the path of
	// pieces too large to be held in memory.
	Write
	// Verify reads the piece back and hashes it. Bytes that were never stored
	// (no file, or one that ends before the piece) are a wrong piece without digests, not an error.
	Verify
)

// Job is one piece of work for the disk workers. Whoever submits it has
// reserved the room for its completion: Done never blocks and is called exactly once, on a
// worker's goroutine; only a job submitted after the Disk has ended is answered, with
// context.Canceled, on the submitter's. Blocks belong to the Disk from Submit on and are
// released by it before Done, also on failure; it sets the field to nil.
type Job struct {
	Kind   JobKind
	Store  *Store
	Piece  int
	Begin  int // Write: offset of Blocks[0] in the piece, in bytes
	Blocks []*block.Block
	// Digests asks for the SHA-1 of every block even if the piece is right; when the hash of a
	// Commit or Verify is wrong they are always made.
	Digests bool
	Done    func(Result)

	digests []metainfo.Hash // of a Commit between hash and write
}

// size of the job's piece in bytes.
func (j *Job) size() int { return j.Store.info.PieceSize(j.Piece) }

// regular reports whether Blocks are the blocks of the piece, each of its length, so that they
// can be hashed side by side with those of another piece.
func (j *Job) regular() bool {
	left := j.size()
	for _, b := range j.Blocks {
		if n := len(b.Bytes()); n == 0 || n != min(left, metainfo.BlockSize) {
			return false
		}
		left -= len(b.Bytes())
	}
	return left == 0
}

// Result is how a Job ended.
type Result struct {
	Job *Job
	// Count is how many Blocks the job had; they are gone.
	Count int
	// OK: Commit and Verify found the right hash (and Commit wrote the piece); Write wrote.
	OK bool
	// Err is a failure of the disk; nothing is known about the bytes then. A
	// wrong hash is OK == false with Err == nil.
	Err error
	// Digests holds one SHA-1 a block, in order, where asked for or wrong.
	Digests []metainfo.Hash
}
