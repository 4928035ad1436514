package tracker

import (
	"errors"
	"time"

	"shoal/internal/text"
)

// Errors of Announce. They are wrapped with what happened and to which tracker.
var (
	// ErrUnsupported: the URL is no tracker this client can speak to.
	ErrUnsupported = errors.New("not yet supported")
	// ErrTooLarge: the reply passed a size limit.
	ErrTooLarge = errors.New("reply too large")
	// ErrReply: the reply was not what BEP 3 describes.
	ErrReply = errors.New("not a tracker reply")
	// ErrRefused: an address that may not be connected to.
	ErrRefused = errors.New("address refused")
)

// maxReason is how much of a tracker's own words goes into an error, in cells.
const maxReason = 200

// Failure is a refusal in the tracker's own words ("failure reason").
type Failure struct {
	Reason string // foreign text, not cleaned
	// Retry is when the tracker wants to be asked again (BEP 31): 0 when it did
	// not say, negative for never.
	Retry time.Duration
}

// Error returns the reason, cleaned.
func (f *Failure) Error() string { return "tracker refused: " + text.Clean(f.Reason, maxReason) }

// Mask returns a tracker URL that may be shown and logged, see text.MaskTracker.
func Mask(raw string) string { return text.MaskTracker(raw) }
