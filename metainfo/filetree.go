package metainfo

import (
	"bytes"

	"shoal/internal/bencode"
)

// parseFileTree reads the file tree of BEP 52. Its files are in the order of
// the keys, which therefore must be sorted. The scanner has bounded the depth,
// so the walk may recurse.
func parseFileTree(raw []byte) (*fileList, error) {
	t := treeParser{cur: bencode.NewCursor(raw)}
	if err := t.folder(); err != nil {
		return nil, err
	}
	if len(t.list.files) == 0 {
		return nil, invalid("file tree has no files")
	}
	return &t.list, nil
}

type treeParser struct {
	cur  bencode.Cursor
	path []string
	list fileList
}

func (t *treeParser) folder() error {
	if t.cur.Kind() != 'd' {
		return invalid("an entry of file tree is not a dictionary")
	}
	var last []byte
	for t.cur.Enter(); !t.cur.Leave(); {
		key, _ := t.cur.String()
		if len(key) == 0 {
			return invalid("file tree has a file without a name")
		}
		if bytes.Compare(last, key) >= 0 {
			return invalid("file tree is not sorted: %s after %s", short(key), short(last))
		}
		last = key
		t.path = append(t.path, string(key))
		if err := t.entry(); err != nil {
			return err
		}
		t.path = t.path[:len(t.path)-1]
	}
	return nil
}

// entry reads what stands under a name: a folder, or a file, which is a
// dictionary whose only key is the empty one.
func (t *treeParser) entry() error {
	inside := t.cur
	if inside.Kind() == 'd' {
		inside.Enter()
		if key, ok := inside.String(); ok && len(key) == 0 {
			t.cur = inside
			if err := t.file(); err != nil {
				return err
			}
			if !t.cur.Leave() {
				return invalid("%s is a file and a folder in file tree", short(t.path[len(t.path)-1]))
			}
			return nil
		}
	}
	return t.folder()
}

func (t *treeParser) file() error {
	name := t.path[len(t.path)-1]
	if t.cur.Kind() != 'd' {
		return invalid("file %s in file tree is not a dictionary", short(name))
	}
	f := File{Length: -1, Raw: append([]string(nil), t.path...)}
	var root []byte
	for t.cur.Enter(); !t.cur.Leave(); {
		key, _ := t.cur.String()
		switch string(key) {
		case "length":
			var ok bool
			if f.Length, ok = t.cur.Int(); !ok {
				f.Length = -1
			}
		case "pieces root":
			root, _ = t.cur.String()
		case "attr":
			attr, _ := t.cur.String()
			f.setAttr(attr)
		default:
			t.cur.Skip()
		}
	}
	var h Hash2
	switch {
	case f.Pad:
		return invalid("pad file %s in file tree; only the v1 half may have them", short(name))
	case f.Symlink:
		f.Length = 0
	case f.Length < 0:
		return invalid("the length of file %s in file tree is negative, missing or beyond 64 bits", short(name))
	case f.Length > 0:
		if len(root) != len(h) || Hash2(root) == h {
			return invalid("file %s in file tree has no pieces root", short(name))
		}
		h = Hash2(root)
	}
	t.list.roots = append(t.list.roots, h)
	return t.list.add(f)
}

// alignFiles lays out the files of a v2-only torrent: as BEP 52 wants it, every
// file begins on a piece boundary, with padding between them.
func alignFiles(files []File, pieceLength int64) []File {
	var out []File
	var pad int64
	for _, f := range files {
		if pad > 0 && f.Length > 0 {
			out = append(out, File{Length: pad, Pad: true})
			pad = 0
		}
		if f.Length > 0 {
			pad = (pieceLength - f.Length%pieceLength) % pieceLength
		}
		out = append(out, f)
	}
	return out
}

// checkHybrid compares the v1 half with the v2 half of a hybrid torrent: the
// same files in the same order, each beginning on a piece boundary.
func checkHybrid(name string, v1, v2 []File, multi bool, pieceLength int64) error {
	if !multi {
		f := v2[0]
		if len(v2) != 1 || len(f.Raw) != 1 || f.Raw[0] != name || f.Length != v1[0].Length {
			return invalid("the v1 and v2 halves list different files")
		}
		return nil
	}
	var off int64
	for i := range v1 {
		f := &v1[i]
		if f.Length > 1<<62-off {
			return invalid("the file lengths add up to more than 2^62 bytes")
		}
		if !f.Pad {
			if len(v2) == 0 || !sameFile(f, &v2[0]) {
				return invalid("the v1 and v2 halves list different files (file %d of the v1 half)", i)
			}
			if v2 = v2[1:]; f.Length > 0 && off%pieceLength != 0 {
				return invalid("file %d of a hybrid torrent does not begin on a piece boundary", i)
			}
		}
		off += f.Length
	}
	if len(v2) > 0 {
		return invalid("the v1 and v2 halves list different files (%d only in the v2 half)", len(v2))
	}
	return nil
}

func sameFile(a, b *File) bool {
	if a.Length != b.Length || a.Symlink != b.Symlink || len(a.Raw) != len(b.Raw) {
		return false
	}
	for i := range a.Raw {
		if a.Raw[i] != b.Raw[i] {
			return false
		}
	}
	return true
}
