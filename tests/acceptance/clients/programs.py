"""What each client runs. All read `TOKEN`, `BODY` (a file), `URL` (of the model) and `CA` (a file) and print the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_TOLD = (
    "import json, os\nurl, token, ca = os.environ['URL'], os.environ['TOKEN'], os.environ['CA']\n"
    "body = open(os.environ['BODY']).read()\nheaders = {'Authorization': f'Bearer {token}'}\n"
)

_REQUESTS = """
import requests
answer = requests.post(f"{url}/v2/models/scorer/infer", data=body, headers=headers | {"Content-Type": "application/json"}, verify=ca)
print(answer.status_code, answer.text)
"""
_HTTPX = """
import httpx
with httpx.Client(verify=ca, http2=HTTP2) as client:
    answer = client.post(f"{url}/v2/models/scorer/infer", content=body, headers=headers | {"Content-Type": "application/json"})
print(answer.status_code, answer.http_version, answer.text)
"""
_KSERVE = """
import asyncio, ssl
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2", verify=ssl.create_default_context(cafile=ca)))
    told = json.loads(body)["inputs"][0]
    given = InferInput(told["name"], told["shape"], told["datatype"], told["data"])
    answer = await client.infer(url, InferRequest("scorer", [given]), model_name="scorer", headers=headers)
    print(200, answer)
asyncio.run(main())
"""
_TRITON = """
import numpy, tritonclient.http as http
told = json.loads(body)["inputs"][0]
client = http.InferenceServerClient(url.removeprefix("https://"), ssl=True, ssl_options={"ca_certs": ca})
given = http.InferInput(told["name"], told["shape"], told["datatype"])
given.set_data_from_numpy(numpy.array(told["data"]).reshape(told["shape"]), binary_data=BINARY)
answer = client.infer("scorer", [given], headers=headers, outputs=OUTPUTS)
print(200, json.dumps(answer.get_response()))
"""
_OPENAI = """
import httpx, openai
client = openai.OpenAI(base_url=f"{url}/v1", api_key=token, http_client=httpx.Client(verify=ca), timeout=120)
answer = client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "Hello"}])
print(200, answer.model_dump_json())
"""
_OPENAI_REFUSED = """
import httpx, openai
client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", http_client=httpx.Client(verify=ca))
try:
    client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "Hello"}])
except openai.AuthenticationError as error:
    print(error.status_code, error.body["message"], error.body["request_id"])
"""
_CURL = 'exec curl --silent --show-error --cacert "$CA" --write-out "\\n%{http_code} %{http_version}" -H "Authorization: Bearer $TOKEN" '
_INFER = '-H "Content-Type: application/json" --data @"$BODY" "$URL/v2/models/scorer/infer"'
_HEALTH = 'exec curl --silent --show-error --cacert "$CA" --write-out "\\n%{http_code} %{http_version}" --http1.0 "$HEALTH"'

_ASKED_FOR = "POST /v2/models/scorer/infer"


@dataclass(frozen=True, slots=True)
class Client:
    """One client: its name in the documentation, its program, and what its output begins or ends with."""

    name: str
    program: str
    shows: str
    language: Literal["python", "sh", "java"] = "python"
    """Of Java the program is what `Ask.java` is asked for."""

    model: str = "fraud/scorer"


def _python(name: str, program: str, shows: str = "200 ", model: str = "fraud/scorer") -> Client:
    return Client(name, _TOLD + program, shows, model=model)


CLIENTS = (
    Client("curl, HTTP/1.0 (health)", _HEALTH, "200 1", "sh"),
    Client("curl, HTTP/1.1", f"{_CURL} --http1.1 {_INFER}", "200 1.1", "sh"),
    Client("curl, HTTP/2", f"{_CURL} --http2 {_INFER}", "200 2", "sh"),
    _python("requests", _REQUESTS),
    _python("httpx, HTTP/1.1", _HTTPX.replace("HTTP2", "False"), "200 HTTP/1.1"),
    _python("httpx, HTTP/2", _HTTPX.replace("HTTP2", "True"), "200 HTTP/2"),
    _python("KServe's Python SDK (REST)", _KSERVE),
    _python(
        "tritonclient.http, JSON tensors",
        _TRITON.replace("BINARY", "False").replace("OUTPUTS", '[http.InferRequestedOutput("predict", binary_data=False)]'),
    ),
    Client("Apache HttpClient 5.4", _ASKED_FOR, "200 - {", "java"),
    Client("Apache HttpClient 5.4, offering TLS", f"{_ASKED_FOR} TLS/1.2", "200 TLS/1.2 {", "java"),
    _python("OpenAI's Python SDK", _OPENAI, model="assistant/chat"),
    _python("OpenAI's Python SDK, refused", _OPENAI_REFUSED, "401 ", model="assistant/chat"),
)
