// Package stage owns what the clients under test meet besides each other: files with random content, their torrents, and
// a tracker that tells everyone of everyone. The functions may be called from any goroutine.
package stage

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// Torrent is a .torrent file of one file, with what it names.
type Torrent struct {
	File        string // the .torrent
	Data        string // the content, "" when it is zeros and nowhere
	Name        string
	InfoHash    string // 40 digits
	Size        int64  // bytes
	PieceLength int64
	hash        [sha1.Size]byte
}

// RandomFile writes a file of random bytes.
func RandomFile(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var seed [32]byte
	rand.Read(seed[:])
	if _, err := io.CopyN(f, mathrand.NewChaCha8(seed), size); err != nil {
		return err
	}
	return f.Close()
}

// Make writes the torrent of a file into a folder. Torrents of one file with different labels have different
// info hashes.
func Make(dir, data, announce string, pieceLength int64, label string) (*Torrent, error) {
	hashes, size, err := hashPieces(data, pieceLength)
	if err != nil {
		return nil, err
	}
	return write(dir, filepath.Base(data), data, announce, size, pieceLength, hashes, label)
}

// Relabel writes a torrent of the same content under another info hash.
func (t *Torrent) Relabel(announce, label string) (*Torrent, error) {
	hashes, _, err := hashPieces(t.Data, t.PieceLength)
	if err != nil {
		return nil, err
	}
	return write(filepath.Dir(t.File), t.Name, t.Data, announce, t.Size, t.PieceLength, hashes, label)
}

// MakeZeros writes a torrent of nothing but zeros: all pieces are alike, so that no content is needed for it. Torrents of
// different sizes are in different files.
func MakeZeros(dir, announce string, size, pieceLength int64) (*Torrent, error) {
	if size%pieceLength != 0 {
		return nil, fmt.Errorf("%d bytes are not whole pieces of %d", size, pieceLength)
	}
	sum := sha1.Sum(make([]byte, pieceLength))
	pieces := int(size / pieceLength)
	return write(dir, fmt.Sprintf("zeros-%d", pieces), "", announce, size, pieceLength, bytes.Repeat(sum[:], pieces), "")
}

// hashPieces reads a file on all cores.
func hashPieces(name string, pieceLength int64) (hashes []byte, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	size = st.Size()
	n := int((size + pieceLength - 1) / pieceLength)
	hashes = make([]byte, n*sha1.Size)
	workers := runtime.NumCPU()
	errs := make([]error, workers)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			piece := make([]byte, pieceLength)
			for i := w; i < n; i += workers {
				k, err := f.ReadAt(piece, int64(i)*pieceLength)
				if err != nil && !errors.Is(err, io.EOF) {
					errs[w] = err
					return
				}
				sum := sha1.Sum(piece[:k])
				copy(hashes[i*sha1.Size:], sum[:])
			}
		})
	}
	group.Wait()
	return hashes, size, errors.Join(errs...)
}

func write(dir, name, data, announce string, size, pieceLength int64, hashes []byte, label string) (*Torrent, error) {
	var info bytes.Buffer
	fmt.Fprintf(&info, "d6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:%s", size, len(name), name, pieceLength, len(hashes), hashes)
	if label != "" {
		fmt.Fprintf(&info, "6:source%d:%s", len(label), label)
	}
	info.WriteString("e")
	t := &Torrent{File: filepath.Join(dir, fmt.Sprintf("%s-%d%s.torrent", name, pieceLength>>10, label)), Data: data, Name: name, Size: size,
		PieceLength: pieceLength, hash: sha1.Sum(info.Bytes())}
	t.InfoHash = hex.EncodeToString(t.hash[:])
	all := fmt.Appendf(nil, "d8:announce%d:%s4:info%se", len(announce), announce, info.Bytes())
	return t, os.WriteFile(t.File, all, 0o666)
}

// Same reports whether a file has the torrent's content.
func (t *Torrent) Same(name string) (bool, error) {
	a, err := os.Open(t.Data)
	if err != nil {
		return false, err
	}
	defer a.Close()
	b, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer b.Close()
	if st, err := b.Stat(); err != nil || st.Size() != t.Size {
		return false, err
	}
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for left := t.Size; left > 0; {
		n := min(left, int64(len(x)))
		if _, err := io.ReadFull(a, x[:n]); err != nil {
			return false, err
		}
		if _, err := io.ReadFull(b, y[:n]); err != nil {
			return false, err
		}
		if !bytes.Equal(x[:n], y[:n]) {
			return false, nil
		}
		left -= n
	}
	return true, nil
}
