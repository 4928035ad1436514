package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"shoal/internal/fsys"
	"shoal/internal/text"
)

// folderFacts are what was seen of one folder.
type folderFacts struct {
	check    string // the word for it
	path     string
	need     int64 // bytes that should be free, at least
	made     bool  // it is made when it is needed: that it is missing is nothing
	reading  bool  // nothing is written there: who may read it has what is needed
	missing  bool  // everything below is about the nearest folder above it that is there
	err      error // of opening it, or of the first thing that was tried and failed
	free     int64 // -1: unknown
	kind     string
	limits   fsys.Limits
	sparse   bool // a file with a hole takes less room than its size
	tried    bool // a file was written there and removed again
	unlocked error
}

// Space that lets a download, or the records of many, go on for a while.
const (
	roomForData  = 1 << 30
	roomForState = 64 << 20
)

func (d folderFacts) judge() (all []diagnosis) {
	add := func(l level, advice, format string, args ...any) {
		all = append(all, diagnosis{d.check, l, fmt.Sprintf("%s: %s", d.path, fmt.Sprintf(format, args...)), advice})
	}
	switch {
	case d.missing && !d.made:
		add(problem, "make it, or mount what it is on", "there is no such folder")
		return all
	case errors.Is(d.err, syscall.ENOSPC):
		add(problem, "make room there", "the disk is full")
		return all
	case errors.Is(d.err, fs.ErrPermission) && !d.reading, errors.Is(d.err, syscall.EROFS):
		add(problem, "give the user that shoal runs as the right to write there (chown, or ReadWritePaths= of the unit)", "we may not write there")
		return all
	case errors.Is(d.err, errHangs):
		add(problem, "is it on a disk or server that went away?", "%v", d.err)
		return all
	case d.err != nil:
		add(problem, "choose another folder, or mend this one", "%v", d.err)
		return all
	}
	switch {
	case d.free < 0 || d.reading:
	case d.free < d.need/16:
		add(problem, "make room there, or choose another folder", "only %s free", text.Size(d.free))
	case d.free < d.need:
		add(warning, "make room there, or choose another folder", "only %s free", text.Size(d.free))
	}
	if d.limits.MaxFile > 0 && !d.reading {
		add(warning, "torrents with larger files need another folder", "the file system takes no file over %s and knows no holes, so that a download has its full size at once", text.Size(d.limits.MaxFile))
	} else if d.tried && !d.sparse {
		add(note, "", "the file system knows no holes: a download has its full size at once")
	}
	switch {
	case d.reading:
	case fleeting[d.kind] != "":
		add(warning, "choose a folder on a disk", "%s", fleeting[d.kind])
	case distant[d.kind]:
		add(note, "", "this is a network file system (%s): when it goes away torrents stop, and go on when it is back", d.kind)
	}
	if d.unlocked != nil {
		add(warning, "use one shoal at a time there, or another folder", "files cannot be locked there: %v", d.unlocked)
	}
	if len(all) == 0 {
		switch words := ""; {
		case d.reading && d.missing:
			add(fine, "", "not there, which is fine: the defaults hold")
		case d.reading:
			add(fine, "", "readable")
		default:
			if words = "writable"; d.missing {
				words = "can be made"
			}
			if d.free >= 0 {
				words += ", " + text.Size(d.free) + " free"
			}
			add(fine, "", "%s", words)
		}
	}
	return all
}

// fleeting are file systems whose contents do not stay.
var fleeting = map[string]string{
	"tmpfs": "this is memory (tmpfs): everything is gone after a restart of the machine",
	"ramfs": "this is memory (ramfs): everything is gone after a restart of the machine",
}

// distant are file systems that are on another machine.
var distant = map[string]bool{"nfs": true, "nfs4": true, "cifs": true, "smb3": true, "9p": true, "fuse.sshfs": true, "ceph": true, "glusterfs": true}

// errHangs is the error of a folder that does not answer.
var errHangs = errors.New("it does not answer")

// lookAtFolder tries the folder of d out. What it writes is removed again.
func lookAtFolder(d folderFacts) folderFacts {
	d.free = -1
	at := d.path
	if abs, err := filepath.Abs(at); err == nil {
		at = abs
	}
	d.path = at
	for {
		st, err := os.Stat(at)
		if err == nil && !st.IsDir() {
			d.err = fmt.Errorf("%s is a file", at)
			return d
		}
		if up := filepath.Dir(at); errors.Is(err, fs.ErrNotExist) && up != at {
			at, d.missing = up, true
			continue
		}
		if d.err = plainCause(err); err != nil {
			return d
		}
		break
	}
	if d.missing && !d.made {
		return d
	}
	if d.reading {
		_, err := os.ReadDir(at)
		d.err = plainCause(err)
		return d
	}
	d.kind = fileSystem(at)
	folder, err := fsys.OpenDir(at)
	if d.err = err; err != nil {
		return d
	}
	defer folder.Close()
	if free, err := folder.Free(); err == nil {
		d.free = free
	}
	d.limits = folder.Limits()
	d.tryOut(folder)
	return d
}

// tryOut writes a file, with a hole before its last bytes, and locks it.
func (d *folderFacts) tryOut(folder fsys.FS) {
	name := fmt.Sprintf(".shoal-doctor-%016x", rand.Uint64())
	f, err := folder.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if d.err = plainCause(err); err != nil {
		return
	}
	const hole = 4 << 20
	last := []byte("written by shoal doctor")
	_, err = f.WriteAt(last, hole)
	if err == nil {
		err = f.Sync()
	}
	back := make([]byte, len(last))
	if err == nil {
		_, err = f.ReadAt(back, hole)
	}
	if err == nil && string(back) != string(last) {
		err = errors.New("what was written does not come back")
	}
	if st, err2 := f.Stat(); err2 == nil {
		d.sparse = st.Taken < hole
	}
	d.tried = true
	d.err = plainCause(errors.Join(err, f.Close(), folder.Remove(name)))
	if l, err := folder.Lock(name + ".lock"); err != nil {
		d.unlocked = plainCause(err)
	} else {
		_ = l.Close()
	}
}

// fileSystem is the name of the file system that a folder is on, "" where that cannot be told.
func fileSystem(dir string) string {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	return mountOf(io.LimitReader(f, 4<<20), dir)
}

// mountOf finds in the table of mounts, as in /proc/self/mountinfo (proc_pid_mountinfo(5)), the file system of the longest mount
// point that dir is below; of equals the last one, which lies on top.
func mountOf(table io.Reader, dir string) (kind string) {
	longest := -1
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) < 5 || len(strings.Fields(after)) == 0 {
			continue
		}
		point := unescaped(fields[4])
		if (dir == point || point == "/" || strings.HasPrefix(dir, point+"/")) && len(point) >= longest {
			longest, kind = len(point), strings.Fields(after)[0]
		}
	}
	return kind
}

// unescaped undoes the octal escapes that the table of mounts has for blanks and backslashes.
func unescaped(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
