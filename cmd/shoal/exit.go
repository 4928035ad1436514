package main

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"shoal/metainfo"
	"shoal/rpc"
	"shoal/session"
	"shoal/status"
)

// Exit codes. Scripts rely on them: a number keeps its meaning.
const (
	exitDone       = 0
	exitFailure    = 1
	exitUsage      = 2
	exitSome       = 3
	exitNoTorrent  = 4
	exitBadTorrent = 5
	exitStalled    = 6
	exitUnfinished = 7
	exitDamaged    = 8
	exitDiskFull   = 9
	exitNoDaemon   = 10
	exitLocked     = 11
	exitPassword   = 12
	exitExists     = 13
	exitDuplicate  = 14
	exitKilled     = 128 // plus the number of the second signal
)

const exitCodesHelp = `Exit codes: 0 done, 1 failure, 2 usage, 3 some of several failed, 4 no such torrent, 5 bad
torrent or magnet link, 6 stalled or too late, 7 unfinished when interrupted,
8 data damaged or missing, 9 disk full, 10 no daemon answers, 11 torrent in use by another shoal, 12 the daemon
wants other credentials, 13 file exists or not permitted, 14 given twice, 128+n killed by a second signal n.`

// coded is an error with the exit code it deserves.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string { return c.err.Error() }
func (c coded) Unwrap() error { return c.err }

// withCode gives err an exit code; nil stays nil.
func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return coded{code, err}
}

// codeOf returns the exit code for err: the one it was given, else the one that
// its cause has.
func codeOf(err error) int {
	var c coded
	if err == nil {
		return exitDone
	}
	if errors.As(err, &c) {
		return c.code
	}
	for _, known := range []struct {
		cause error
		code  int
	}{
		{status.ErrUnknown, exitNoTorrent},
		{status.ErrOutside, exitExists},
		{rpc.ErrUnreachable, exitNoDaemon},
		{rpc.ErrCredentials, exitPassword},
		{session.ErrLocked, exitLocked},
		{session.ErrExists, exitExists},
		{session.ErrNoSpace, exitDiskFull},
		{session.ErrIncomplete, exitDamaged},
		{session.ErrDuplicate, exitDuplicate},
		{metainfo.ErrInvalid, exitBadTorrent},
		{metainfo.ErrUnsupportedV2, exitBadTorrent},
		{syscall.ENOSPC, exitDiskFull},
		{fs.ErrPermission, exitExists},
		{fs.ErrExist, exitExists},
		{context.Canceled, exitUnfinished},
	} {
		if errors.Is(err, known.cause) {
			return known.code
		}
	}
	return exitFailure
}
