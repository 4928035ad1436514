package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"shoal/internal/text"
	"shoal/status"
)

const tokenHeader = "X-Transmission-Session-Id"

// clientCall is a call in the dialect that every Transmission daemon speaks.
type clientCall struct {
	Method    string `json:"method"`
	Arguments any    `json:"arguments,omitempty"`
}

// clientReply is the answer to it.
type clientReply struct {
	Result    string          `json:"result"`
	Arguments json.RawMessage `json:"arguments"`
}

// ask calls a method that changes nothing; over a connection that broke it asks once more.
func (c *Client) ask(ctx context.Context, method string, args, out any) error {
	err := c.call(ctx, method, args, out)
	if errors.Is(err, ErrUnreachable) && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
		err = c.call(ctx, method, args, out)
	}
	return err
}

// call calls a method once. What it answers is written to out, if that is not nil.
func (c *Client) call(ctx context.Context, method string, args, out any) error {
	body, err := json.Marshal(clientCall{method, args})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	within := c.Timeout
	if within <= 0 {
		within = callWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	answer, err := c.post(ctx, body)
	if err != nil {
		return c.failure(ctx, err)
	}
	return c.read(method, answer, out)
}

// failure says of a call that went wrong where that was, and forgets who answered there if nobody does now.
func (c *Client) failure(ctx context.Context, err error) error {
	if errors.Is(err, ErrCredentials) || errors.Is(err, ErrAnswer) {
		return fmt.Errorf("%s: %w", c.name(), err)
	}
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return fmt.Errorf("interrupted before %s has answered: %w", c.name(), causeOf(err))
	}
	c.lost()
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.name(), causeOf(err))
}

// causeOf leaves method and URL out of an error of package http, and the address that was dialled, which is named already.
func causeOf(err error) error {
	if cause := errors.Unwrap(err); cause != nil && strings.HasPrefix(err.Error(), "Post ") {
		err = cause
	}
	if dial, ok := err.(*net.OpError); ok && dial.Op == "dial" {
		return dial.Err
	}
	return err
}

// lost forgets who answered.
func (c *Client) lost() {
	c.mu.Lock()
	c.who = nil
	c.mu.Unlock()
	c.list.stale()
}

// post sends a body until the session id is right, and returns the answer's.
func (c *Client) post(ctx context.Context, body []byte) ([]byte, error) {
	for range 3 {
		answer, again, err := c.postOnce(ctx, body)
		if !again || err != nil {
			return answer, err
		}
	}
	return nil, fmt.Errorf("%w: it refuses the session ids that it hands out", ErrAnswer)
}

// postOnce sends a body; again says that the session id was an old one, and that there is a new one.
func (c *Client) postOnce(ctx context.Context, body []byte) (answer []byte, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "shoal")
	if c.creds != (Credentials{}) {
		req.SetBasicAuth(c.creds.User, c.creds.Password)
	}
	c.mu.Lock()
	if c.token != "" {
		req.Header.Set(tokenHeader, c.token)
	}
	c.mu.Unlock()
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		// A small rest is read so that the connection can be used again.
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
		again, err = c.refused(resp)
		return nil, again, err
	}
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err == nil && len(answer) > maxReply {
		err = fmt.Errorf("%w: it is longer than %s", ErrAnswer, text.SizeBinary(maxReply))
	}
	return answer, false, err
}

// refused tells what an answer other than 200 means; again after a 409, whose session id is the next one.
func (c *Client) refused(resp *http.Response) (again bool, err error) {
	switch resp.StatusCode {
	case http.StatusConflict:
		token := resp.Header.Get(tokenHeader)
		if !isToken(token) {
			return false, fmt.Errorf("%w: a 409 without a session id", ErrAnswer)
		}
		c.mu.Lock()
		c.token = token
		c.who = nil // it may have been started anew, and be another one
		c.mu.Unlock()
		c.list.stale()
		return true, nil
	case http.StatusUnauthorized:
		if c.creds == (Credentials{}) {
			return false, fmt.Errorf("%w: give --user and --password-file", ErrCredentials)
		}
		return false, fmt.Errorf("%w: user or password are wrong", ErrCredentials)
	case http.StatusForbidden, http.StatusTooManyRequests:
		return false, fmt.Errorf("%w: it does not let this machine in (HTTP %d); ask there for this address to be allowed, or wait if the password was wrong often", ErrCredentials, resp.StatusCode)
	case http.StatusMisdirectedRequest:
		return false, fmt.Errorf("%w: it does not go by the name of this host; use its IP address, or allow the name there", ErrCredentials)
	case http.StatusRequestEntityTooLarge:
		return false, fmt.Errorf("%w: what was sent is too large for it (HTTP 413)", ErrAnswer)
	case http.StatusBadRequest:
		return false, fmt.Errorf("%w: HTTP 400; if it wants encryption, name it as https://", ErrAnswer)
	case http.StatusServiceUnavailable:
		return false, fmt.Errorf("%w: it is busy, or ends (HTTP 503); try again", ErrAnswer)
	}
	if where := resp.Header.Get("Location"); where != "" {
		return false, fmt.Errorf("%w: it points to %s (HTTP %d); name that address if it is right", ErrAnswer, text.Clean(where, 80), resp.StatusCode)
	}
	return false, fmt.Errorf("%w: HTTP %d", ErrAnswer, resp.StatusCode)
}

// isToken reports whether s can be sent as a session id.
func isToken(s string) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

// read takes an answer apart.
func (c *Client) read(method string, answer []byte, out any) error {
	if err := parseReply(method, answer, out); err != nil {
		return fmt.Errorf("%s: %w", c.name(), err)
	}
	return nil
}

// parseReply reads the answer to a method into out, if that is not nil. Errors wrap ErrAnswer, or what the daemon says.
func parseReply(method string, answer []byte, out any) error {
	var r clientReply
	if err := json.Unmarshal(answer, &r); err != nil {
		if bytes.HasPrefix(bytes.TrimSpace(answer), []byte("<")) {
			return fmt.Errorf("%s: %w: a web page came", method, ErrAnswer)
		}
		return fmt.Errorf("%s: %w: %w", method, ErrAnswer, err)
	}
	if r.Result != "success" {
		return refusal(method, r.Result)
	}
	if out == nil {
		return nil
	}
	if len(r.Arguments) == 0 {
		return fmt.Errorf("%s: %w: it is empty", method, ErrAnswer)
	}
	if err := json.Unmarshal(r.Arguments, out); err != nil {
		return fmt.Errorf("%s: %w: %w", method, ErrAnswer, err)
	}
	return nil
}

// refusal is what a daemon answers instead of success, as the error of package status that it stands for if there is one.
func refusal(method, result string) error {
	if result == "" {
		return fmt.Errorf("%s: %w: it has no result", method, ErrAnswer)
	}
	said := text.Clean(result, 400)
	for _, known := range []error{status.ErrUnknown, status.ErrOutside, status.ErrNoMetadata, status.ErrNoFile, status.ErrNotOffered} {
		if strings.Contains(result, known.Error()) {
			return knownAs{known, said}
		}
	}
	if strings.Contains(result, "method name not recognized") || strings.Contains(result, "Method not found") {
		return fmt.Errorf("%s: %w", method, status.ErrNotOffered)
	}
	return fmt.Errorf("the daemon refuses: %s", said)
}

// knownAs is an error in the words of the daemon that is known by another one.
type knownAs struct {
	error
	said string
}

func (k knownAs) Error() string { return k.said }
func (k knownAs) Unwrap() error { return k.error }
