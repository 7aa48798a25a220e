package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"
)

// scheme is what the annotation zalando.org/skipper-backend-protocol of an Ingress says for pods that speak HTTP/2 without
// TLS, as gRPC servers in a cluster do. Skipper hands it through as the scheme of the request's URL, and its own transport
// speaks HTTP/1.1 alone.
const scheme = "h2c"

// idle is shorter than ping, so that a connection that no call uses is never asked whether it lives: gRPC servers take that
// for abuse. ping is longer than the order service's own patience with its queue (8 s).
const (
	dialing = 2 * time.Second
	idle    = 5 * time.Second
	ping    = 10 * time.Second
	pong    = 5 * time.Second
)

// carried is what one request's handler and its round trip share: Skipper passes on headers and bodies, but no trailers,
// and a gRPC call's status is one.
type carried struct{ response *http.Response }

type carriedKey struct{}

// withTrailers passes on the trailers of what overHTTP2 was answered.
func withTrailers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var found carried
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), carriedKey{}, &found)))
		if found.response == nil {
			return
		}
		for name, values := range found.response.Trailer {
			w.Header()[http.TrailerPrefix+name] = values
		}
	})
}

// overHTTP2 is a round tripper that takes the requests whose scheme it is, and leaves all others to plain.
type overHTTP2 struct {
	plain http.RoundTripper
	http2 *http.Transport
}

func newOverHTTP2(plain http.RoundTripper) http.RoundTripper {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return &overHTTP2{plain: plain, http2: &http.Transport{
		Protocols:          &protocols,
		DialContext:        (&net.Dialer{Timeout: dialing}).DialContext,
		DisableCompression: true, // of gRPC's messages each says for itself whether it is compressed
		IdleConnTimeout:    idle,
		HTTP2:              &http.HTTP2Config{SendPingTimeout: ping, PingTimeout: pong},
	}}
}

func (t *overHTTP2) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != scheme {
		return t.plain.RoundTrip(r)
	}
	sent := r.Clone(r.Context())
	sent.URL.Scheme = "http"
	response, err := t.http2.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	if found, ok := r.Context().Value(carriedKey{}).(*carried); ok {
		statusIntoTrailers(response)
		found.response = response
	}
	return response, nil
}

// statusIntoTrailers makes an answer that failed before its first message ("Trailers-Only": all in one block of headers, which
// ends the stream) one with trailers: what is passed on to the client has its end after its headers.
func statusIntoTrailers(response *http.Response) {
	for name, values := range response.Header {
		if strings.HasPrefix(name, "Grpc-Status") || name == "Grpc-Message" {
			if response.Trailer == nil {
				response.Trailer = http.Header{}
			}
			response.Trailer[name] = values
			delete(response.Header, name)
		}
	}
}
