package tracker

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"shoal/internal/text"
)

// readReply reads and parses the body within the limits.
func readReply[T any](resp *http.Response, parse func([]byte) (T, error)) (none T, err error) {
	body, err := readBody(resp)
	if err != nil {
		return none, err
	}
	r, err := parse(body)
	if resp.StatusCode == http.StatusOK {
		return r, err
	}
	// Some trackers put the reason for a 4xx into a proper reply.
	if f, ok := errors.AsType[*Failure](err); ok {
		return none, f
	}
	return none, fmt.Errorf("%w: HTTP status %d %s", ErrReply, resp.StatusCode, http.StatusText(resp.StatusCode))
}

// readBody returns the decoded body; neither what comes over the wire nor what
// it decodes to may pass maxBody.
func readBody(resp *http.Response) ([]byte, error) {
	var from io.Reader = &capped{r: resp.Body, left: maxBody}
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			return nil, fmt.Errorf("%w: damaged gzip: %w", ErrReply, err)
		}
		from = &capped{r: z, left: maxBody}
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(from); err != nil {
		return nil, safeError(err)
	}
	return b.Bytes(), nil
}

// capped passes on left bytes and then fails, unless the reader ends there.
type capped struct {
	r    io.Reader
	left int
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p[:min(len(p), c.left+1)])
	if n > c.left {
		return c.left, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxBody)
	}
	c.left -= n
	return n, err
}

// cleanError keeps the chain of an error but shows its text cleaned: errors of
// the HTTP client may repeat what the server sent.
type cleanError struct{ error }

func (e cleanError) Error() string { return text.Clean(e.error.Error(), maxReason) }
func (e cleanError) Unwrap() error { return e.error }

func safeError(err error) error { return cleanError{err} }
