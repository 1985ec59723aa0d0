"""Who is behind an endpoint, in OpenTelemetry's words."""

from urllib.parse import urlsplit

from gateway.core.model_spec import WireName

_BY_HOST = {
    "openai.com": "openai",
    "anthropic.com": "anthropic",
    "openai.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "amazonaws.com": "aws.bedrock",
    "mistral.ai": "mistral_ai",
    "cohere.com": "cohere",
    "deepseek.com": "deepseek",
    "groq.com": "groq",
    "perplexity.ai": "perplexity",
    "x.ai": "x_ai",
}
_BY_WIRE: dict[WireName, str] = {"anthropic_messages": "anthropic", "offline": "toolward"}


def provider_of(base_url: str, wire: WireName) -> str:
    """By the host, else by whose wire it is, which is what OpenTelemetry asks for where nothing better is known."""
    host = urlsplit(base_url).hostname or ""
    for known, provider in _BY_HOST.items():
        if host == known or host.endswith(f".{known}"):
            return provider
    return _BY_WIRE.get(wire, "openai")
