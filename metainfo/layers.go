package metainfo

import (
	"crypto/sha256"

	"shoal/internal/bencode"
)

// checkLayers compares piece layers (BEP 52) with the roots of the files. It
// returns the number of files whose layer is missing, which is no error: peers
// can be asked for it.
func checkLayers(raw []byte, l *fileList, pieceLength int64) (missing int, err error) {
	if raw != nil && raw[0] != 'd' {
		return 0, invalid("piece layers is not a dictionary")
	}
	layers := map[Hash2][]byte{}
	for key, val := range bencode.Dict(raw) {
		layer, ok := bencode.String(val)
		if len(key) != len(Hash2{}) || !ok || len(layer)%sha256.Size != 0 {
			return 0, invalid("piece layers holds something that is not a root and its hashes")
		}
		layers[Hash2([]byte(key))] = layer
	}
	pad := padHash(pieceLength)
	checked := map[Hash2]bool{}
	for i := range l.files {
		f, root := &l.files[i], l.roots[i]
		if f.Length <= pieceLength {
			continue // the root is the hash of its only piece
		}
		layer, ok := layers[root]
		if !ok {
			missing++
			continue
		}
		if want := (f.Length-1)/pieceLength + 1; int64(len(layer)) != want*sha256.Size {
			return 0, invalid("piece layers has %d hashes for %s, which has %d pieces", len(layer)/sha256.Size, short(f.Raw[len(f.Raw)-1]), want)
		}
		if !checked[root] && merkleRoot(layer, pad) != root {
			return 0, invalid("piece layers of %s do not lead to its pieces root", short(f.Raw[len(f.Raw)-1]))
		}
		checked[root] = true
	}
	return missing, nil
}

// padHash returns the root of a piece of nothing but absent blocks, whose
// hashes are zeros.
func padHash(pieceLength int64) Hash2 {
	var h Hash2
	for n := int64(BlockSize); n < pieceLength; n *= 2 {
		h = hashPair(h[:], h[:])
	}
	return h
}

// merkleRoot returns the root over the hashes of layer, 32 bytes each and at least
// one, filled up with pad to the next power of two.
func merkleRoot(layer []byte, pad Hash2) Hash2 {
	level := append([]byte(nil), layer...)
	for len(level) > sha256.Size {
		if len(level)/sha256.Size%2 == 1 {
			level = append(level, pad[:]...)
		}
		n := 0
		for i := 0; i < len(level); i += 2 * sha256.Size {
			h := hashPair(level[i:i+sha256.Size], level[i+sha256.Size:i+2*sha256.Size])
			n += copy(level[n:], h[:])
		}
		level = level[:n]
		pad = hashPair(pad[:], pad[:])
	}
	return Hash2(level)
}

func hashPair(a, b []byte) Hash2 {
	var buf [2 * sha256.Size]byte
	copy(buf[:], a)
	copy(buf[sha256.Size:], b)
	return sha256.Sum256(buf[:])
}
