//go:build !linux

package fsys

func (f *file) writev(bufs [][]byte, off int64) (int64, error) { return f.writeEach(bufs, off) }
