//go:build tools

// Package minio pins the S3 server that the store is checked on. Its own
// go.mod has replace directives, which `go install MODULE@VERSION` refuses.
// Build: go build github.com/minio/minio
package minio

import _ "github.com/minio/minio"
