package session

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"shoal/internal/fsys"
)

// temp is the name of a file that is being copied.
func (m *move) temp() string { return m.t.partsName() + ".moving" }

// copy makes a copy under a temporary name, with the holes of the file, and gives it its own when it is durable.
func (m *move) copy(ctx context.Context, name string, st fsys.Stat) (err error) {
	src, err := m.from.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	perm := fs.FileMode(0o666)
	if st.Mode&0o111 != 0 {
		perm = 0o777
	}
	dst, err := m.to.OpenFile(m.temp(), os.O_RDWR|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	if err = copyData(ctx, dst, src, st.Size); err == nil {
		err = within(ctx, dst.Sync) // of a large file it takes longer than the session has for its end
	}
	if err = errors.Join(err, dst.Close()); err == nil {
		err = m.to.Rename(m.temp(), name)
	}
	return err
}

// copyChunk is how many bytes are copied at a time.
const copyChunk = 1 << 20

// copyData copies what is stored of the first size bytes.
func copyData(ctx context.Context, dst, src fsys.File, size int64) error {
	buf := make([]byte, min(copyChunk, max(size, 1)))
	for off := int64(0); off < size; {
		start, end, err := src.DataAt(off)
		if errors.Is(err, io.EOF) || err == nil && start >= size {
			break
		}
		if err != nil {
			return err
		}
		for off, end = start, min(end, size); off < end; {
			if err := ctx.Err(); err != nil {
				return err
			}
			b := buf[:min(int64(len(buf)), end-off)]
			if n, err := src.ReadAt(b, off); n < len(b) {
				return errors.Join(err, io.ErrUnexpectedEOF)
			}
			if _, err := dst.WriteAt(b, off); err != nil {
				return err
			}
			off += int64(len(b))
		}
	}
	return dst.Truncate(size)
}
