package metainfo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"path"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"

	"shoal/internal/sha1x"
)

// hasher digests the pieces of a new torrent. A worker a core takes a few neighbouring pieces at a time and
// hashes them side by side, a chunk of each after the other. So the memory of all does not depend on the
// length of pieces, and where those are short the disk is read in order.
type hasher struct {
	fsys        fs.FS
	root        string
	files       []File      // with their offsets
	times       []time.Time // of the last write to each file, when it was listed
	pieceLength int64
	total       int64
	progress    func(done, total int64)

	hashes []byte
	chunk  int64 // bytes of a piece that are read at once; a power of two

	mu   sync.Mutex // guards what follows, and makes calls of progress take turns
	next int        // the first piece that nobody has taken
	done int64
	err  error // the first
}

const (
	// maxChunk is enough for a disk to be read at its speed although pieces take turns.
	maxChunk = 1 << 20
	// maxBuffers is what all workers read into together.
	maxBuffers = 32 << 20
)

// run returns 20 bytes a piece. It ends early, with ctx.Err(), when ctx does.
func (h *hasher) run(ctx context.Context) ([]byte, error) {
	pieces := (h.total + h.pieceLength - 1) / h.pieceLength
	h.hashes = make([]byte, pieces*sha1x.Size)
	workers := max(1, min(int64(runtime.GOMAXPROCS(0)), (pieces+sha1x.Lanes-1)/sha1x.Lanes))
	h.chunk = min(h.pieceLength, maxChunk, max(BlockSize, int64(1)<<(bits.Len64(uint64(maxBuffers/sha1x.Lanes/workers))-1)))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			if err := h.work(ctx); err != nil {
				h.mu.Lock()
				defer h.mu.Unlock()
				if h.err == nil {
					h.err = err
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if h.err == nil {
		h.err = h.unchanged(ctx)
	}
	if h.err != nil {
		return nil, h.err
	}
	if h.progress != nil && h.total == 0 {
		h.progress(0, 0)
	}
	return h.hashes, nil
}

// take returns the next pieces of equal size; n is 0 when none are left.
func (h *hasher) take() (first, n int, size int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first = h.next
	left := h.total - int64(first)*h.pieceLength
	size = min(h.pieceLength, left)
	if size > 0 {
		n = int(min(sha1x.Lanes, left/size))
	}
	h.next += n
	return first, n, size
}

// work hashes pieces until none are left.
func (h *hasher) work(ctx context.Context) error {
	buf := make([]byte, sha1x.Lanes*h.chunk)
	r := reader{hasher: h}
	defer r.close()
	var sums sha1x.Hasher
	var chunks [sha1x.Lanes][]byte
	for {
		first, n, size := h.take()
		if n == 0 {
			return nil
		}
		sums.Reset(n)
		for at := int64(0); at < size; at += h.chunk {
			for i := range n {
				if err := ctx.Err(); err != nil {
					return err
				}
				chunks[i] = buf[int64(i)*h.chunk:][:min(size-at, h.chunk)]
				if err := r.readAt(chunks[i], int64(first+i)*h.pieceLength+at); err != nil {
					return err
				}
			}
			sums.Write(chunks[:n])
			h.count(n, int64(len(chunks[0])))
		}
		for i := range n {
			sum := sums.Sum(i)
			copy(h.hashes[(first+i)*sha1x.Size:], sum[:])
		}
	}
}

// count tells the progress of n chunks.
func (h *hasher) count(n int, bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for range n {
		h.done += bytes
		if h.progress != nil {
			h.progress(h.done, h.total)
		}
	}
}

// unchanged checks at the end that no file was written to since it was listed: what
// was hashed would be neither the old content nor the new one.
func (h *hasher) unchanged(ctx context.Context) error {
	for i, f := range h.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := h.name(f)
		st, err := fs.Stat(h.fsys, name)
		if err != nil {
			return fmt.Errorf("%s changed while the torrent was made: %w", name, err)
		}
		if st.Size() != f.Length || !st.ModTime().Equal(h.times[i]) {
			return fmt.Errorf("%s changed while the torrent was made; try again when nobody writes to it", name)
		}
	}
	return nil
}

func (h *hasher) name(f File) string { return path.Join(h.root, strings.Join(f.Raw, "/")) }

// reader reads across the files, of which it keeps the last one open. It belongs to one goroutine.
type reader struct {
	*hasher
	open int // index of file
	file fs.File
}

func (r *reader) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// readAt fills p from byte off of the torrent on.
func (r *reader) readAt(p []byte, off int64) error {
	i := sort.Search(len(r.files), func(i int) bool { return r.files[i].Offset+r.files[i].Length > off })
	for ; len(p) > 0; i++ {
		f := r.files[i]
		n := min(f.Offset+f.Length-off, int64(len(p)))
		if n == 0 {
			continue
		}
		if err := r.readFile(i, p[:n], off-f.Offset); err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

// readFile fills p from byte off of file i on, and checks at its end that it ends where its size said.
func (r *reader) readFile(i int, p []byte, off int64) error {
	name := r.name(r.files[i])
	if r.file == nil || r.open != i {
		r.close()
		f, err := r.fsys.Open(name)
		if err != nil {
			return err
		}
		r.file, r.open = f, i
	}
	at, ok := r.file.(io.ReaderAt)
	if !ok {
		return fmt.Errorf("reading %s: %w", name, errors.ErrUnsupported)
	}
	switch n, err := at.ReadAt(p, off); {
	case n == len(p): // perhaps with io.EOF
	case err == io.EOF:
		return fmt.Errorf("%s became shorter while it was read; try again when nobody writes to it", name)
	default:
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if end := off + int64(len(p)); end == r.files[i].Length {
		var one [1]byte
		if n, _ := at.ReadAt(one[:], end); n > 0 {
			return fmt.Errorf("%s became longer while it was read; try again when nobody writes to it", name)
		}
	}
	return nil
}
