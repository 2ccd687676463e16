package blob

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// OpenS3 finds the bucket that rawURL names, s3://bucket/prefix, and makes sure that it can be reached. The query may hold
//
//	endpoint=https://host:port            a server other than AWS's; AWS_ENDPOINT_URL is not read, because an operator's shell points it at berth itself
//	region=us-east-1                      else that of the AWS configuration, else us-east-1
//	path-style=true                       bucket in the path: what most servers other than AWS's need
//	redirect=true                         pulls are sent to the bucket with a presigned URL
//	redirect-endpoint=https://host:port   where clients reach the server, when not at endpoint
//	sse=AES256 or sse=aws:kms             server-side encryption, with kms-key=ID for another than the bucket's own key
//
// Credentials come from the usual AWS places, or from the URL: s3://KEY:SECRET@bucket/prefix. Errors hold no part of them.
func OpenS3(ctx context.Context, rawURL string) (*S3, error) {
	o, err := parseS3URL(rawURL)
	if err != nil {
		return nil, fmt.Errorf("blob store: %w", err)
	}
	client := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = 5 * time.Second }).
		WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout = time.Minute
			t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
		})
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts, r.MaxBackoff = 4, time.Second })
		}),
	}
	if o.region != "" {
		options = append(options, config.WithRegion(o.region))
	}
	if o.accessKey != "" {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(o.accessKey, o.secretKey, "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("blob store: AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	at := func(endpoint *string) *s3.Client {
		return s3.NewFromConfig(cfg, func(c *s3.Options) {
			c.BaseEndpoint, c.UsePathStyle = endpoint, o.pathStyle
			c.DisableLogOutputChecksumValidationSkipped = true
		})
	}
	s := &S3{client: at(o.endpoint), bucket: o.bucket, prefix: o.prefix, sse: o.sse, kmsKey: o.kmsKey, buffers: newBuffers(uploadBuffers())}
	s.small.New = func() any { return new([TailMax + 1]byte) }
	switch {
	case o.redirectEndpoint != nil:
		s.presign = s3.NewPresignClient(at(o.redirectEndpoint))
	case o.redirect:
		s.presign = s3.NewPresignClient(s.client)
	}
	if _, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket}); err != nil {
		return nil, fmt.Errorf("blob store: bucket %q cannot be reached: %w", s.bucket, err)
	}
	return s, nil
}

type s3Options struct {
	bucket, prefix             string
	accessKey, secretKey       string
	region                     string
	endpoint, redirectEndpoint *string
	pathStyle, redirect        bool
	sse                        types.ServerSideEncryption
	kmsKey                     *string
}

// parseS3URL reads what OpenS3 documents. A word that it does not know is an error: a misspelt option would otherwise be an option not set.
func parseS3URL(rawURL string) (o s3Options, err error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.Fragment != "" {
		return o, errors.New("the URL has to be s3://bucket/prefix?option=value; a key or secret with special characters has to be percent-encoded")
	}
	o.bucket = u.Host
	if o.prefix = strings.Trim(u.Path, "/"); o.prefix != "" {
		o.prefix += "/"
	}
	if u.User != nil {
		o.accessKey = u.User.Username()
		o.secretKey, _ = u.User.Password()
		if o.accessKey == "" || o.secretKey == "" {
			return o, errors.New("the URL has to hold both the access key and the secret key, or neither")
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return o, errors.New("the options of the URL cannot be read")
	}
	for name, values := range query {
		value := values[0]
		if len(values) > 1 || value == "" {
			return o, fmt.Errorf("option %q has to be there once, with a value", name)
		}
		switch name {
		case "region":
			o.region = value
		case "endpoint":
			o.endpoint, err = endpointOption(name, value)
		case "redirect-endpoint":
			o.redirectEndpoint, err = endpointOption(name, value)
		case "path-style":
			o.pathStyle, err = boolOption(name, value)
		case "redirect":
			o.redirect, err = boolOption(name, value)
		case "kms-key":
			o.kmsKey = &value
		case "sse":
			if o.sse = types.ServerSideEncryption(value); !slices.Contains(o.sse.Values(), o.sse) {
				err = errors.New("option sse has to be AES256 or aws:kms")
			}
		default:
			err = fmt.Errorf("there is no option %q; there are endpoint, region, path-style, redirect, redirect-endpoint, sse, kms-key", name)
		}
		if err != nil {
			return o, err
		}
	}
	if o.redirectEndpoint != nil && !o.redirect {
		return o, errors.New("option redirect-endpoint needs redirect=true")
	}
	if o.kmsKey != nil && !strings.HasPrefix(string(o.sse), "aws:kms") {
		return o, errors.New("option kms-key needs sse=aws:kms")
	}
	return o, nil
}

func boolOption(name, value string) (bool, error) {
	b, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("option %s has to be true or false", name)
	}
	return b, nil
}

func endpointOption(name, value string) (*string, error) {
	e, err := url.Parse(value)
	if err != nil || (e.Scheme != "http" && e.Scheme != "https") || e.Host == "" || e.User != nil {
		return nil, fmt.Errorf("option %s has to be http://host:port or https://host:port", name)
	}
	return &value, nil
}
