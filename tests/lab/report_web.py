#!/usr/bin/env python3
"""Takes what is POSTed by https and keeps it: a receiver of TLS reports. Usage: report_web.py ADDRESS CERT KEY RECORD"""
import base64
import http.server
import json
import ssl
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        with open(sys.argv[4], 'a', encoding='ascii') as out:
            out.write(json.dumps({'path': self.path, 'type': self.headers['Content-Type'], 'body': base64.b64encode(body).decode()}) + '\n')
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer((sys.argv[1], 443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
