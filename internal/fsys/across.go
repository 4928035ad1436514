package fsys

import "errors"

// ErrElsewhere says that two folders are not on one file system, or that the system cannot rename between them.
var ErrElsewhere = errors.New("on another file system")

// Renamer is an FS that can rename a file of its own into another one.
type Renamer interface {
	// RenameTo replaces newname in to, whose folders must exist. It fails with ErrElsewhere where only copying helps.
	RenameTo(oldname string, to FS, newname string) error
}

// RenameAcross renames oldname in from to newname in to; ErrElsewhere says that it has to be copied. What stands at newname is replaced.
// Symbolic links lead out of neither root.
func RenameAcross(from FS, oldname string, to FS, newname string) error {
	r, ok := from.(Renamer)
	if !ok {
		return ErrElsewhere
	}
	return r.RenameTo(oldname, to, newname)
}

// RenameTo implements Renamer.
func (d *dir) RenameTo(oldname string, to FS, newname string) error {
	o, ok := to.(*dir)
	if !ok {
		return ErrElsewhere
	}
	if err := errors.Join(valid("rename", oldname), valid("rename", newname)); err != nil {
		return err
	}
	return renameAcross(d.root, oldname, o.root, newname)
}
