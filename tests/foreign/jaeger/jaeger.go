//go:build tools

// Package jaeger pins the Jaeger that the trace check asks. Its own go.mod has
// a replace directive, which `go install MODULE@VERSION` refuses: this module
// repeats it. Build: go build github.com/jaegertracing/jaeger/cmd/all-in-one
package jaeger

import _ "github.com/jaegertracing/jaeger/cmd/all-in-one"
