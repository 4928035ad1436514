package metainfo

import (
	"maps"
	"slices"
	"strings"
)

// WithPaths returns an Info that differs in the paths of these files, by index, and in the name where all of them lie in another
// folder than before or the only file is called otherwise. It fails with ErrInvalid when a path is none that is safe on
// every system, two files would have one name, or one the name of a folder of another, where names count as equal that
// some common file system takes for equal.
func (in *Info) WithPaths(paths map[int]string) (*Info, error) {
	out := *in
	out.files = slices.Clone(in.files)
	for _, i := range slices.Sorted(maps.Keys(paths)) {
		if i < 0 || i >= len(out.files) {
			return nil, invalid("a path for file %d of %d", i, len(out.files))
		}
		if err := checkPath(paths[i]); err != nil {
			return nil, err
		}
		out.files[i].Path = paths[i]
	}
	m := newNameMap(0)
	files, dirs := make(map[string]bool, len(out.files)), make(map[string]bool)
	for i := range out.files {
		p := m.folded(out.files[i].Path)
		if files[p] {
			return nil, invalid("two files would be called %s", short(out.files[i].Path))
		}
		files[p] = true
		for k := range len(p) {
			if p[k] == '/' {
				dirs[p[:k]] = true
			}
		}
	}
	for d := range dirs {
		if files[d] {
			return nil, invalid("%s would be a file and a folder", short(d))
		}
	}
	out.name = out.nameAfter(in)
	return &out, nil
}

// nameAfter returns the name of a torrent whose files were renamed.
func (in *Info) nameAfter(was *Info) string {
	top := func(i *Info, k int) string {
		first, _, _ := strings.Cut(i.files[k].Path, "/")
		return first
	}
	if len(in.files) == 0 || top(in, 0) == top(was, 0) {
		return in.name
	}
	for k := range in.files {
		if !in.files[k].Pad && top(in, k) != top(in, 0) {
			return in.name
		}
	}
	return top(in, 0)
}

// checkPath reports what is wrong with a path that somebody chose.
func checkPath(p string) error {
	if len(p) > maxPath {
		return invalid("a path has %d bytes, %d are allowed", len(p), maxPath)
	}
	for elem := range strings.SplitSeq(p, "/") {
		if elem == "" || elem == "." || elem == ".." || SafeName(elem) != elem {
			return invalid("%s cannot be a name on every system; %s can", short(elem), short(SafeName(elem)))
		}
	}
	return nil
}
