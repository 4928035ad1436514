package metainfo

import (
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"strings"
	"sync"
	"time"
)

// hasher digests the pieces of a new torrent: one goroutine reads, in order,
// because disks like that, and one a core hashes. Memory is a few pieces.
type hasher struct {
	fsys        fs.FS
	root        string
	files       []File
	times       []time.Time // of the last write to each file, when it was listed
	pieceLength int64
	total       int64
	progress    func(done, total int64)
}

type pieceBuf struct {
	index int
	data  []byte
}

// run returns 20 bytes a piece. It ends early, with ctx.Err(), when ctx does.
func (h *hasher) run(ctx context.Context) ([]byte, error) {
	pieces := (h.total + h.pieceLength - 1) / h.pieceLength
	hashes := make([]byte, pieces*sha1.Size)
	workers := min(runtime.GOMAXPROCS(0), max(1, int(pieces)))
	// Enough buffers to keep everyone busy, within 256 MiB but for the longest pieces.
	bufs := max(2, min(2*workers, int((256<<20)/h.pieceLength)))
	free := make(chan []byte, bufs)
	for range bufs {
		free <- nil
	}
	full := make(chan pieceBuf)
	var done int64
	var mu sync.Mutex // guards done and makes calls of progress take turns
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for p := range full {
				sum := sha1.Sum(p.data)
				copy(hashes[p.index*sha1.Size:], sum[:])
				mu.Lock()
				done += int64(len(p.data))
				if h.progress != nil {
					h.progress(done, h.total)
				}
				mu.Unlock()
				free <- p.data[:0]
			}
		})
	}
	err := h.read(ctx, free, full)
	close(full)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	if h.progress != nil && h.total == 0 {
		h.progress(0, 0)
	}
	return hashes, nil
}

// read fills buffers with piece after piece across the files.
func (h *hasher) read(ctx context.Context, free <-chan []byte, full chan<- pieceBuf) error {
	p := pieceBuf{}
	filled := int64(0) // bytes in p.data; p.data is nil between pieces
	left := h.total
	for _, f := range h.files {
		err := h.readFile(f, func(r io.Reader) error {
			for rest := f.Length; rest > 0; {
				if err := ctx.Err(); err != nil {
					return err
				}
				size := min(h.pieceLength, left+filled)
				if filled == 0 {
					if p.data = <-free; int64(cap(p.data)) < size {
						p.data = make([]byte, size)
					}
					p.data = p.data[:size]
				}
				n := min(rest, size-filled)
				if _, err := io.ReadFull(r, p.data[filled:filled+n]); err != nil {
					return err
				}
				rest, left, filled = rest-n, left-n, filled+n
				if filled == size {
					full <- p
					p.index++
					filled = 0
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return h.unchanged(ctx)
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

// readFile opens f and checks that it ends where its size said.
func (h *hasher) readFile(f File, use func(io.Reader) error) error {
	name := h.name(f)
	file, err := h.fsys.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	switch err := use(file); {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return fmt.Errorf("%s became shorter while it was read; try again when nobody writes to it", name)
	case err != nil:
		return fmt.Errorf("reading %s: %w", name, err)
	}
	var one [1]byte
	if n, _ := io.ReadFull(file, one[:]); n > 0 {
		return fmt.Errorf("%s became longer while it was read; try again when nobody writes to it", name)
	}
	return nil
}
