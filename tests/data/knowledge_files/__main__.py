"""`python -m tests.data.knowledge_files`: writes them into the knowledge base."""

from tests.data.knowledge_files.making import KNOWLEDGE, files


def main() -> None:
    for name, data in files().items():
        path = KNOWLEDGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"{name}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
