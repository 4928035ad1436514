package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"shoal/status"
)

const (
	// silentFor is how long an event stream may say nothing; a server sends a line three times in that.
	silentFor = time.Minute
	// maxEventLine bounds a line of the stream, in bytes.
	maxEventLine = 1 << 20
)

// Watch calls changed, one call at a time, whenever shoal's event stream says that something about the torrents has changed, and
// once at its start. It returns when the stream ends, with an error that wraps ErrUnreachable if the daemon went away. Other daemons have no
// such stream: the error wraps status.ErrNotOffered.
func (c *Client) Watch(ctx context.Context, changed func()) error {
	d, err := c.daemon(ctx)
	if err == nil {
		err = d.needs(0, "the event stream")
	}
	if err != nil {
		return err
	}
	u, err := url.Parse(c.url)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAddress, err)
	}
	u.Path = "/events"
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(silentFor, func() { cancel(errors.New("the event stream fell silent")) })
	defer silence.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAddress, err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if c.creds != (Credentials{}) {
		req.SetBasicAuth(c.creds.User, c.creds.Password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.failure(ctx, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable, resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("the event stream: %w: HTTP %d", status.ErrNotOffered, resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		_, err := c.refused(resp)
		return c.failure(ctx, err)
	}
	changed()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEventLine)
	for lines.Scan() {
		silence.Reset(silentFor)
		if kind, ok := strings.CutPrefix(lines.Text(), "event:"); ok && strings.TrimSpace(kind) != "stats" {
			changed()
		}
	}
	err = lines.Err()
	if err == nil {
		err = errors.New("the event stream ended")
	}
	return c.failure(ctx, err)
}
