package rpc

import (
	"context"
	"errors"
	"fmt"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/status"
)

// What a call is refused with. The texts are those that clients know from Transmission, where it has one.
var (
	errArgument  = errors.New("invalid argument")
	errScript    = errors.New("invalid argument: the programs that are run are set in the configuration file alone")
	errRelative  = errors.New("download directory path is not absolute")
	errNoMethod  = errors.New("no method name")
	errMethod    = errors.New("method name not recognized")
	errFields    = errors.New("no fields specified")
	errCorrupt   = errors.New("invalid or corrupt torrent file")
	errNoSource  = errors.New("no filename or metainfo specified")
	errNoIDs     = errors.New("invalid argument: ids must name the torrents to remove")
	errLocal     = errors.New("a path is taken on the unix socket alone: send the file as metainfo")
	errBatch     = errors.New("too many calls in one batch")
	errTooMuch   = errors.New("the answer is too large: ask for less at a time")
	errTrackers  = errors.New("invalid argument: the list of trackers")
	errAnnounce  = errors.New("invalid argument: not the URL of a tracker")
	errFetch     = errors.New("the torrent could not be fetched")
	errBlocklist = errors.New("the blocklist could not be fetched")
)

// Codes of JSON-RPC 2.0 and of the protocol.
const (
	codeParse     = -32700
	codeRequest   = -32600
	codeMethod    = -32601
	codeParams    = -32602
	codeInternal  = -32603
	codeAnnounce  = 1
	codeTrackers  = 2
	codeRelative  = 3
	codeUnknown   = 4
	codeSystem    = 5
	codeFileIndex = 6
	codeHTTP      = 8
	codeCorrupt   = 9
	codeBlocklist = 10
)

var codes = []struct {
	err     error
	code    int
	message string
}{
	{errSyntax, codeParse, "Parse error"},
	{errNoMethod, codeRequest, "Invalid Request"},
	{errBatch, codeRequest, "Invalid Request"},
	{errMethod, codeMethod, "Method not found"},
	{errRelative, codeRelative, "path is not absolute"},
	{errAnnounce, codeAnnounce, "error setting announce list"},
	{errTrackers, codeTrackers, "Invalid tracker list"},
	{errArgument, codeParams, "Invalid params"},
	{errFields, codeParams, "Invalid params"},
	{errScript, codeParams, "Invalid params"},
	{errNoSource, codeParams, "Invalid params"},
	{errNoIDs, codeParams, "Invalid params"},
	{errLocal, codeParams, "Invalid params"},
	{status.ErrOutside, codeParams, "Invalid params"},
	{errCorrupt, codeCorrupt, "invalid or corrupt torrent file"},
	{status.ErrUnknown, codeUnknown, "unrecognized info"},
	{status.ErrNoFile, codeFileIndex, "file index out of range"},
	{errFetch, codeHTTP, "HTTP error from backend service"},
	{errBlocklist, codeBlocklist, "error parsing blocklist"},
	{errTooMuch, codeInternal, "Internal error"},
}

// codeOf is the code and message of JSON-RPC 2.0 for an error.
func codeOf(err error) (int, string) {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code, c.message
		}
	}
	return codeSystem, "system error"
}

// maxText is how many cells of an error text are sent.
const maxText = 500

// textOf is what the old dialect says of an error, and the new one in error_string.
func textOf(err error) string {
	switch {
	case errors.Is(err, errSyntax):
		return errNoMethod.Error() // as Transmission answers what is not JSON
	case errors.Is(err, context.DeadlineExceeded):
		return "the engine did not answer in time"
	}
	return text.Clean(err.Error(), maxText)
}

// addError is the word of the protocol for why a torrent was not added.
func addError(err error, fetched bool) error {
	switch {
	case errors.Is(err, status.ErrOutside), errors.Is(err, status.ErrNotOffered):
		return err
	case errors.Is(err, metainfo.ErrInvalid), errors.Is(err, metainfo.ErrTooLarge), errors.Is(err, metainfo.ErrUnsupportedV2):
		return fmt.Errorf("%w: %w", errCorrupt, err)
	case fetched:
		return fmt.Errorf("%w: %w", errFetch, err)
	}
	return err
}
